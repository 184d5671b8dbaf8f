"""Prices over time: what is believed, what was, when to wait, and who is told.

Nothing here stores or sends. Each module begins with its rules.

    bounds    what a kWh can cost                watching   standing wishes and when they speak
    gate      tariffs, held or believed          matching   which wishes a batch of ticks crosses,
    observed  the same for bare prices             areas      those about a circle,
    history   what was, and what is usual          heap       and how they lie in memory
    ticks     a change, by push, pull or clock   replaying  a recorded history through all of it
    timing    wait or go                         injecting  changes and errors put into one
"""
