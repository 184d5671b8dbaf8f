"""Everything we keep of a person, and nothing of them any more: looked for in the tables and in the file itself."""

from __future__ import annotations

import json
from decimal import Decimal
from pathlib import Path

import pytest
from sqlalchemy import make_url

from core.errors import Conflict
from core.ledger import refund_asked, refund_done
from core.money import Money
from core.outbox import MessageClass, NewRow
from core.payments import Refund, RefundState, Topup, TopupState
from core.ports import LinkCode, LoginKind, Proven, TieKind
from core.prices.watching import LIVES_FOR, Rule
from core.services.joining import join
from core.services.login import Doors, LoginService
from core.services.privacy import PrivacyService, StillTied
from core.station import Plug
from core.user import Car, Channel, ConsentPurpose, Identity, User
from core.watch import Area, NewAlert, StandingWatch
from storage.tables import alerts, transfers, users, watches
from storage.unit_of_work import SqlDatabase
from tests.core.services.test_linking import charging, paid_in, refunding, sound
from tests.storage.samples import NOON, minutes, rows
from tests.world import HERE, SetClock

TELEGRAM, WECHAT = (
    Identity(Channel.TELEGRAM, "998877665544"),
    Identity(Channel.WECHAT, "oCanary-openid_00000000000001"),
)
UNION = Identity(Channel.UNIONID, "oCanary-unionid_0000000000001")
CANARIES = [
    *(TELEGRAM.external_id, WECHAT.external_id, UNION.external_id),
    *("Canary Car", "Canary Label", "Canary Home", "canary words"),
]


@pytest.fixture
def clock() -> SetClock:
    return SetClock()


@pytest.fixture
def privacy(database: SqlDatabase, clock: SetClock) -> PrivacyService:
    return PrivacyService(database, clock)


@pytest.fixture
def lin(database: SqlDatabase) -> User:
    with database.write() as unit:
        return unit.users.register(TELEGRAM, "zh-CN", NOON)[0]


def plant(database: SqlDatabase, clock: SetClock, user: User) -> None:
    """Something of hers wherever something can stand, and a second account that was joined."""
    with database.write() as unit:
        too = unit.users.register(WECHAT, "zh-CN", NOON)[0]
        unit.people.add_identity(UNION, too.id, NOON)
        unit.users.grant_consent(user.id, ConsentPurpose.POSITION_HISTORY, 1, NOON)
        unit.users.keep_search(user.id, (22.54, 114.05), NOON)
        unit.people.save_cars(user.id, [Car("", "Canary Car", Plug.CCS2, Decimal(60), Decimal(40), usual=True)])
        ends, one = NOON + LIVES_FOR, Decimal(1)
        home = StandingWatch(
            0, too.id, Area(HERE, 2000), Rule.BELOW, one, "CNY", "Canary Home", NOON, ends, minutes(9)
        )
        number = unit.watches.add(home).id
        alert = NewAlert(number, too.id, 1, "s", "1:x:1", Rule.BELOW, NOON, one, None, one, one, "CNY", "x")
        assert unit.alerts.add([alert])
        unit.link_codes.add(LinkCode("c" * 64, user.id, Channel.TELEGRAM, "Canary Label", NOON, NOON + minutes(10)))
        unit.link_codes.note_try(too.id, NOON)
        for source, lane in (("telegram", TELEGRAM.external_id), ("wechat", WECHAT.external_id)):
            unit.inbox.add(source, f"{source}-1", lane, json.dumps({"from": lane, "text": "canary words"}), NOON)
        for channel, address in (("telegram", TELEGRAM.external_id), ("wechat", WECHAT.external_id)):
            said = json.dumps({"code": "x", "params": {"to": "canary words"}})
            unit.outbox.add(
                NewRow(
                    f"notice:{channel}:1", MessageClass.NOTICE, "say", "x", said, channel, address, user_id=user.id
                ),
                NOON,
            )
    LoginService(database, clock, Doors()).enter(Proven(TELEGRAM), LoginKind.TELEGRAM)
    with database.write() as unit:
        join(unit, too.id, user.id, NOON)


def files_of(database: SqlDatabase) -> dict[str, bytes]:
    """The files of a SQLite database as they lie on the disk."""
    name = make_url(str(database.engine.url)).database
    assert name is not None
    path = Path(name)
    return {one.name: one.read_bytes() for one in path.parent.glob(f"{path.name}*")}


def test_everything_is_given_out_and_then_nothing_is_left(
    privacy: PrivacyService, database: SqlDatabase, clock: SetClock, lin: User
) -> None:
    plant(database, clock, lin)
    exported = json.dumps(privacy.export(lin.id), ensure_ascii=False)
    for canary in CANARIES:
        assert canary in exported, canary
    with database.read() as unit:
        assert set(unit.people.traces(CANARIES)) == {"identities", "cars", "link_codes", "inbox", "outbox", "watches"}
    gone = privacy.delete(lin.id)
    assert (gone.proved, gone.names) == (True, 3)
    with database.read() as unit:
        assert unit.people.traces(CANARIES) == {}
    assert rows(database, watches) == rows(database, alerts) == []
    if database.engine.dialect.name == "sqlite":
        found = files_of(database)
        assert found
        for name, content in found.items():
            assert [canary for canary in CANARIES if canary.encode() in content] == [], name


def test_the_books_stay_under_an_id_that_leads_to_nobody(
    privacy: PrivacyService, database: SqlDatabase, clock: SetClock, lin: User
) -> None:
    charge = charging(database, lin.id, clock.now())
    charge.end()
    with database.write() as unit:
        unit.ledger.post(refund_asked("r1", lin.id, Money(1000, "CNY")), NOON)
    with pytest.raises(StillTied, match="delete_money"):
        privacy.delete(lin.id)
    with database.write() as unit:
        (paid,) = unit.payments.topups_of([lin.id])
        done = Refund("r1", "w", lin.id, paid.id, "sandbox", Money(1000, "CNY"), RefundState.DONE, NOON, NOON)
        unit.payments.add_refund(done)
        unit.ledger.post(refund_done("r1", lin.id, "sandbox", done.amount), NOON)
    before = len(rows(database, transfers))
    assert privacy.delete(lin.id).proved
    assert len(rows(database, transfers)) == before
    (left,) = rows(database, users)
    assert (left.id, left.deleted_at, left.asked) == (lin.id, clock.now(), "[]")
    assert sound(database)


@pytest.mark.parametrize("kind", list(TieKind))
def test_what_keeps_an_account(
    privacy: PrivacyService, database: SqlDatabase, clock: SetClock, lin: User, kind: TieKind
) -> None:
    match kind:
        case TieKind.SESSION | TieKind.HOLD:
            charging(database, lin.id, clock.now())
        case TieKind.REFUND:
            refunding(database, lin.id, clock.now())
        case TieKind.MONEY:
            paid_in(database, lin.id, 1)
        case TieKind.TOPUP:
            begun = Topup("t", lin.id, "k", "sandbox", Money(5000, "CNY"), TopupState.PENDING, NOON, NOON)
            with database.write() as unit:
                unit.payments.add_topup(begun)
    with pytest.raises(StillTied) as refusal:
        privacy.delete(lin.id)
    assert kind in {tie.kind for tie in refusal.value.ties}
    assert isinstance(refusal.value, Conflict)
    with database.read() as unit:
        assert unit.users.by_identity(TELEGRAM) == lin


def test_a_stranger_cannot_be_deleted(privacy: PrivacyService, lin: User) -> None:
    with pytest.raises(LookupError):
        privacy.delete("nobody")


def test_who_is_gone_is_no_longer_logged_in(
    privacy: PrivacyService, database: SqlDatabase, clock: SetClock, lin: User
) -> None:
    login = LoginService(database, clock, Doors())
    token = login.enter(Proven(TELEGRAM), LoginKind.TELEGRAM).token
    assert login.logged_in(token) is not None
    privacy.delete(lin.id)
    assert login.logged_in(token) is None
    assert login.enter(Proven(TELEGRAM), LoginKind.TELEGRAM).user.id != lin.id
