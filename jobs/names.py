"""Every job by its name, where its function is, and how long it may take."""

from __future__ import annotations

QUEUE = "kilowatch"
# What a person waits for. It has a worker of its own, so that a pull of many minutes holds up no start of a charge.
SWIFT = "kilowatch-swift"
# Orders to suppliers and messages to people, which must not wait for anything else of ours.
SENDING = "kilowatch-sending"

JOBS = {
    "pull_catalogue": "jobs.catalogue.pull_catalogue",
    "pull_changes": "jobs.catalogue.pull_changes",
    "pull_statuses": "jobs.catalogue.pull_statuses",
    "pull_prices": "jobs.catalogue.pull_prices",
    "merge_places": "jobs.merging.merge_places",
    "clean_up": "jobs.upkeep.clean_up",
    "compact_prices": "jobs.prices.compact_prices",
    "look_after_watches": "jobs.watches.look_after_watches",
    "check_books": "jobs.books.check_books",
    "reconcile": "jobs.reconciliation.reconcile",
    "deliver": "jobs.outbox.deliver",
    "follow_sessions": "jobs.charging.follow_sessions",
    "book_records": "jobs.charging.book_records",
    "match_orphans": "jobs.charging.match_orphans",
    "pull_records": "jobs.charging.pull_records",
    "work_notices": "jobs.payments.work_notices",
    "look_at_payments": "jobs.payments.look_at_payments",
    "watch_promises": "jobs.watchdog.watch_promises",
}

# Every other job is rung for on QUEUE.
QUEUES = {"deliver": SENDING, "follow_sessions": SWIFT, "work_notices": SWIFT}

# A little more than what the pulls allow themselves (core/services/catalogue.py), so that they end by their own word.
TIMEOUTS_S = {
    "pull_catalogue": 1800,
    "pull_changes": 1800,
    "pull_statuses": 120,
    "pull_prices": 600,
    "merge_places": 1800,
    "clean_up": 300,
    "compact_prices": 1800,
    "look_after_watches": 900,
    "check_books": 900,
    "reconcile": 3600,
    "deliver": 50,  # below the lease of a row, so that it still reports what came of it
    "follow_sessions": 40,
    "book_records": 300,
    "match_orphans": 300,
    "pull_records": 900,
    "work_notices": 60,
    "look_at_payments": 300,
    "watch_promises": 120,
}
