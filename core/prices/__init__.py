"""Prices over time: what is believed, what was, when to wait, and who is told.

bounds    what a kWh can cost             watching  standing wishes and when they speak
gate      tariffs, held or believed       ticks     a change of price, by push, pull or clock
observed  the same for bare prices        matching  which of a million wishes a batch of ticks crosses
history   what was, and what is usual     replaying a recorded history through all of it
timing    wait or go
"""
