"""Alerts: when watches come true, and what of it is still true when it is said."""
