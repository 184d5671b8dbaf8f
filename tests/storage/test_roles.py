"""The product works with the rights of scripts/roles.sql, which let nobody rewrite what has been booked."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import psycopg
import pytest
from sqlalchemy import URL, make_url
from sqlalchemy.exc import ProgrammingError

from core.outbox import MessageClass, NewRow
from core.payments import RefundState
from core.ports import CaseKind
from core.services.cases import Decision
from core.session import SessionState
from core.user import Channel, Identity
from storage import migrate
from storage.engine import open_engine
from storage.unit_of_work import SqlDatabase
from tests.core.services.cases.bench import Bench
from tests.world import HERE, make_world

pytestmark = pytest.mark.postgres

SCRIPT = Path(__file__).resolve().parents[2] / "scripts" / "roles.sql"


def as_owner(url: str, statement: str) -> None:
    with psycopg.connect(url, autocommit=True) as db:
        db.execute(statement.encode())


@pytest.fixture
def app_url(postgres_url: str) -> Iterator[str]:
    """The database as the processes are to use it: not by its owner's name."""
    plain = make_url(postgres_url).set(drivername="postgresql").render_as_string(hide_password=False)
    name, password = f"kilowatch_web_{secrets.token_hex(4)}", secrets.token_hex(8)
    script = SCRIPT.read_text(encoding="utf-8")
    for _ in range(2):  # after each release
        as_owner(plain, script)
    as_owner(plain, f"CREATE ROLE {name} LOGIN PASSWORD '{password}' IN ROLE kilowatch_app")
    url: URL = make_url(plain).set(username=name, password=password)
    yield url.render_as_string(hide_password=False)
    as_owner(plain, f"DROP ROLE {name}")


@pytest.fixture
def app(app_url: str) -> Iterator[SqlDatabase]:
    database = SqlDatabase(open_engine(app_url))
    yield database
    database.close()


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE transfers SET amount = 1",
        "DELETE FROM transfers",
        "TRUNCATE transfers",
        "ALTER TABLE transfers DISABLE TRIGGER ALL",
        "DROP TABLE transfers",
        "UPDATE charge_records SET document = '{}'",
        "DELETE FROM session_events",
        "UPDATE charge_quotes SET document = '{}'",
        "DELETE FROM accounts",
        "DELETE FROM holds",
        "DELETE FROM charging_sessions",
        "DELETE FROM topups",
        "DELETE FROM refunds",
        "DELETE FROM cases",
        "UPDATE alembic_version SET version_num = '0001'",
        "CREATE TABLE mine (id int)",
        "SET session_replication_role = replica",
    ],
)
def test_what_was_booked_cannot_be_rewritten(app: SqlDatabase, statement: str) -> None:
    with pytest.raises(ProgrammingError, match=r"permission denied|must be owner"), app.engine.begin() as db:
        db.exec_driver_sql(statement)


def test_the_money_works_with_these_rights(app: SqlDatabase) -> None:
    bench = Bench(app)
    bench.top_up("100")
    bench.charging_session()
    bench.record("SEQ1", "45")
    bench.decide(bench.case(CaseKind.REVIEW), Decision.DRIVER_PAYS)
    assert bench.session().state is SessionState.SETTLED
    refund = bench.refund(bench.top_up("30", 2), "20", RefundState.BY_HAND)
    bench.decide(bench.opened(CaseKind.REFUND, refund.id), Decision.DONE)
    bench.cases.pay_supplier("lotus", "b1", bench.balances()["supplier:lotus:payable"], "CNY", "Mei", "November")
    with app.write() as unit:
        row = unit.outbox.add(NewRow("money:x", MessageClass.MONEY, "say", "x"), bench.clock.now())
        assert row is not None
        assert unit.outbox.claim(row, "token", bench.clock.now(), timedelta(seconds=60)) is not None
    assert bench.breaches() == []


def test_stations_and_people_work_with_these_rights(app_url: str, tmp_path: Path) -> None:
    assert not migrate.pending(app_url)
    world = make_world(tmp_path, database_url=app_url)
    world.station("Lotus Road", HERE.lat, HERE.lng, price="1.20", free=3)
    world.services.merging.run()
    user = world.services.accounts.greet(Identity(Channel.TELEGRAM, "7"), "en").user
    world.services.accounts.change(user.id, lambda one: replace(one, language="zh-CN"))
    report = world.services.reconciliation.run("books")
    assert report.differences == []
    world.services.privacy.delete(user.id)


def test_people_come_together_and_leave_with_these_rights(app_url: str, tmp_path: Path) -> None:
    services = make_world(tmp_path, database_url=app_url).services
    lin, too = (
        services.accounts.greet(Identity(channel, "998877665544"), "en").user
        for channel in (Channel.TELEGRAM, Channel.WECHAT)
    )
    token = services.login.local("lin", "en").token
    assert services.login.logged_in(token) is not None
    services.linking.confirm(too.id, services.linking.ask(lin.id, Channel.TELEGRAM).code)
    services.linking.bring_home()
    assert len(services.privacy.export(lin.id)["kept"]["users"]) == 2
    services.linking.unlink(lin.id, Channel.TELEGRAM)
    assert services.privacy.delete(lin.id).names == 1
    with services.database.read() as unit:
        assert unit.users.by_identity(Identity(Channel.TELEGRAM, "998877665544")) is None
