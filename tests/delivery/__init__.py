"""The outbox against processes that die: stand-ins for the platforms, and senders that are killed."""
