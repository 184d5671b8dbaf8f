"""Is this process fit to answer, and how is it doing: /healthz, /readyz and /metrics."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from datetime import datetime

from flask import Blueprint, Response
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from bots.miniapp.answers import json_answer
from core.outbox import MessageClass
from core.ports import Case, CaseKind, SupplierState, UnitOfWork
from core.services import Services

CASES_AT_MOST = 10_000

log = logging.getLogger(__name__)


def blueprint(services: Services, registry: CollectorRegistry) -> Blueprint:
    health = Blueprint("health", __name__)
    registry.register(Gauges(services))

    @health.get("/healthz")
    def healthz() -> Response:
        return json_answer({"status": "alive"})

    @health.get("/readyz")
    def readyz() -> Response:
        """200 only when a driver who asks now gets stations."""
        missing = missing_for_service(services)
        doc = {"status": "not ready" if missing else "ready", "missing": missing}
        return json_answer(doc | {"stations": services.index.state().stations}, 503 if missing else 200)

    @health.get("/metrics")
    def metrics() -> Response:
        return Response(generate_latest(registry), content_type=CONTENT_TYPE_LATEST)

    return health


def missing_for_service(services: Services) -> list[str]:
    """What keeps this process from finding stations, one line each."""
    state = services.index.state()
    missing = []
    if not state.ready:
        missing.append("the station index is still loading")
    elif not state.stations:
        missing.append("the catalogue holds no stations: import some or wait for the first sync")
    try:
        services.database.ping()
    except Exception:
        log.exception("the database does not answer")
        missing.append("the database does not answer")
    return missing


class Gauges(Collector):
    """Figures read when Prometheus asks. Those from the database are left out while it is away."""

    def __init__(self, services: Services) -> None:
        self.services = services

    def collect(self) -> Iterator[GaugeMetricFamily]:
        now = self.services.clock.now()
        state = self.services.index.state()
        yield _gauge("kilowatch_index_ready", "1 when the station index is loaded", int(state.ready))
        yield _gauge("kilowatch_index_stations", "Stations that can be found", state.stations)
        if state.refreshed_at:
            age_s = (now - state.refreshed_at).total_seconds()
            yield _gauge("kilowatch_index_age_seconds", "Since the index last took in changes", age_s)
        try:
            counts, said = self.services.inbox.counts(), self.services.outbox.counts()
            with self.services.database.read() as unit:
                suppliers = unit.catalogue.suppliers()
                halts, cases = unit.halts.all(), unit.cases.listed(limit=CASES_AT_MOST)
                waiting = _waiting_gauges(unit, now)
            late = self.services.watchdog.late()
        except Exception:
            log.exception("no figures from the database")
            yield _gauge("kilowatch_database_up", "1 when the database answers", 0)
            return
        yield _gauge("kilowatch_database_up", "1 when the database answers", 1)
        inbox = GaugeMetricFamily("kilowatch_inbox_messages", "Messages kept", labels=("source", "state"))
        for (source, kind), count in counts.items():
            inbox.add_metric((source, str(kind)), count)
        yield inbox
        outbox = GaugeMetricFamily("kilowatch_outbox_rows", "Rows of the outbox", labels=("class", "state"))
        for labels, count in said.items():
            outbox.add_metric(labels, count)
        yield outbox
        yield from waiting
        yield _gauge("kilowatch_starts_halted", "1 when no charge can be started", int(bool(halts)))
        yield _gauge("kilowatch_holds_waiting", "Holds older than a day", late.waiting)
        yield _gauge("kilowatch_holds_overdue", "Holds older than the 72 hours that are promised", late.holds)
        yield _gauge("kilowatch_refunds_overdue", "Refunds later than the day that was named", late.refunds)
        yield from _case_gauges(cases, now)
        yield from _supplier_gauges(suppliers, now.timestamp())

    def describe(self) -> list[GaugeMetricFamily]:
        """Nothing, so that registering does not ask the database."""
        return []


def _waiting_gauges(unit: UnitOfWork, now: datetime) -> list[GaugeMetricFamily]:
    """How far behind whoever follows prices, looks at watches and sends messages is; they are other processes."""
    due = unit.watches.due(now, 1)
    moments = {
        "prices": ("Since the first price that nobody has followed", unit.prices.waits_since(now)),
        "watches": ("Since the first watch was due that nobody has looked at", due[0].look_at if due else None),
    }
    found = [
        _gauge(f"kilowatch_{name}_behind_seconds", text, 0.0 if since is None else (now - since).total_seconds())
        for name, (text, since) in moments.items()
    ]
    found.append(_gauge("kilowatch_alerts_written", "Alerts so far, told or not", unit.alerts.written()))
    oldest = GaugeMetricFamily(
        "kilowatch_outbox_oldest_seconds", "Since the oldest row could have been done", labels=("class",)
    )
    waits = unit.outbox.waits_since(now)
    for klass in MessageClass:
        oldest.add_metric((klass.value,), (now - waits.get(klass.value, now)).total_seconds())
    return [*found, oldest]


def _case_gauges(cases: Sequence[Case], now: datetime) -> Iterator[GaugeMetricFamily]:
    """What waits for a person; of every kind, so that an alert can be written before the first one."""
    waiting = GaugeMetricFamily("kilowatch_cases_open", "Cases that wait for a decision", labels=("kind",))
    oldest = GaugeMetricFamily("kilowatch_case_oldest_seconds", "Age of the oldest open case", labels=("kind",))
    for kind in CaseKind:
        ages = [(now - one.opened_at).total_seconds() for one in cases if one.kind is kind]
        waiting.add_metric((kind.value,), len(ages))
        oldest.add_metric((kind.value,), max(ages, default=0.0))
    yield waiting
    yield oldest


def _supplier_gauges(suppliers: list[SupplierState], now_s: float) -> Iterator[GaugeMetricFamily]:
    age = GaugeMetricFamily(
        "kilowatch_supplier_success_age_seconds", "Since the last pull that succeeded", labels=("supplier", "asked")
    )
    stations = GaugeMetricFamily("kilowatch_supplier_stations", "Stations of the supplier", labels=("supplier",))
    for state in suppliers:
        stations.add_metric((state.supplier.id,), state.stations)
        for asked, at in state.last_success_at.items():
            age.add_metric((state.supplier.id, asked), now_s - at.timestamp())
    yield age
    yield stations


def _gauge(name: str, text: str, value: float) -> GaugeMetricFamily:
    return GaugeMetricFamily(name, text, value=value)
