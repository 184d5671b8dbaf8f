"""The sandbox provider's side of the counter: its books, the page a driver pays on, its notices, its bad days.

Shares the signature with the adapter (adapters/payments/sandbox_wire.py), nothing else.
"""
