"""Every job by its name, where its function is, and how long it may take."""

from __future__ import annotations

QUEUE = "kilowatch"

JOBS = {
    "pull_catalogue": "jobs.catalogue.pull_catalogue",
    "pull_statuses": "jobs.catalogue.pull_statuses",
    "pull_prices": "jobs.catalogue.pull_prices",
    "clean_up": "jobs.upkeep.clean_up",
}

TIMEOUTS_S = {"pull_catalogue": 1800, "pull_statuses": 120, "pull_prices": 600, "clean_up": 300}
