"""Ways to pay: one file per provider, each keeping the promises of tests/contracts/payments.py."""
