"""Two chats, one person: codes, who may use them, what moves with the money, and how they part again."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import datetime, time, timedelta
from decimal import Decimal
from threading import Barrier

import pytest

from core.errors import Conflict, SupplierUnavailable, TooMany, UserError
from core.ledger import held_for, settled, topped_up
from core.money import Money
from core.payments import Refund, RefundState, Topup, TopupState
from core.ports import LoginKind, Proven, Tie, TieKind
from core.services.linking import CODE_LASTS, MOST_TRIES, Asked, LinkingService, WaysOver, code_in
from core.services.login import Doors, LoginService
from core.session import SessionState
from core.station import Plug
from core.user import Car, Channel, ConsentPurpose, Identity, QuietHours, User
from core.wishes import Mode
from storage.tables import link_codes, outbox
from storage.unit_of_work import SqlDatabase
from tests.storage.money_samples import quote, session
from tests.storage.samples import rows
from tests.world import SetClock

TELEGRAM, WECHAT = Identity(Channel.TELEGRAM, "4711"), Identity(Channel.WECHAT, "oLin-0001")
HISTORY = ConsentPurpose.POSITION_HISTORY


@pytest.fixture
def clock() -> SetClock:
    return SetClock()


@pytest.fixture
def linking(database: SqlDatabase, clock: SetClock) -> LinkingService:
    return LinkingService(database, clock, WaysOver())


@pytest.fixture
def lin(database: SqlDatabase, clock: SetClock) -> User:
    """Asks in Telegram."""
    return person(database, TELEGRAM, clock.now())


@pytest.fixture
def too(database: SqlDatabase, clock: SetClock) -> User:
    """The same person, as WeChat knows her."""
    return person(database, WECHAT, clock.now())


def person(database: SqlDatabase, identity: Identity, at: datetime) -> User:
    with database.write() as unit:
        return unit.users.register(identity, "en", at)[0]


def paid_in(database: SqlDatabase, user_id: str, amount_minor: int, number: str = "t1") -> None:
    amount, at, name = Money(amount_minor, "CNY"), _AT, f"{user_id}-{number}"
    paid = Topup(name, user_id, name, "sandbox", amount, TopupState.PAID, at, at, psp_transaction=name, paid_at=at)
    with database.write() as unit:
        unit.payments.add_topup(paid)
        unit.ledger.post(topped_up("sandbox", name, user_id, amount), at)


_AT = datetime.fromisoformat("2026-11-23T04:00:00+00:00")


@dataclass
class Charging:
    """A charge with 30 yuan held for it, that ends when the test says so."""

    database: SqlDatabase
    id: str
    user_id: str

    def end(self) -> None:
        with self.database.write() as unit:
            one = unit.sessions.get(self.id)
            assert one is not None
            unit.ledger.resolve_hold(self.id, 2000, _AT)
            unit.ledger.post(
                settled(self.id, self.user_id, one.supplier_id, "CNY", captured=2000, released=1000), _AT
            )
            unit.sessions.save(replace(one, state=SessionState.SETTLED, charged=Money(2000, "CNY")))


def charging(database: SqlDatabase, user_id: str, at: datetime) -> Charging:
    paid_in(database, user_id, 3000, "for the charge")
    hold = Money(3000, "CNY")
    one = session(
        user_id=user_id,
        quote=quote(user_id=user_id, hold=hold),
        state=SessionState.CHARGING,
        created_at=at,
        changed_at=at,
    )
    with database.write() as unit:
        unit.sessions.save_quote(one.quote, "signed")
        assert unit.sessions.add(one) is None
        unit.ledger.post(held_for(one.id, user_id, hold), at)
        unit.ledger.open_hold(one.id, user_id, hold, at)
    return Charging(database, one.id, user_id)


def refunding(database: SqlDatabase, user_id: str, at: datetime) -> None:
    amount = Money(500, "CNY")
    topup = Topup("topup1", user_id, "k", "sandbox", amount, TopupState.PAID, at, at + timedelta(hours=1))
    asked = Refund("refund1", "r", user_id, "topup1", "sandbox", amount, RefundState.SENT, at, at + timedelta(days=5))
    with database.write() as unit:
        unit.payments.add_topup(topup)
        unit.payments.add_refund(asked)


def same(database: SqlDatabase, user_id: str) -> list[str]:
    with database.read() as unit:
        return unit.people.same_person(user_id)


def free(database: SqlDatabase, user_id: str) -> int:
    """Free money of this account alone, in minor units."""
    with database.read() as unit:
        return sum(wallet.available.amount_minor for wallet in unit.ledger.wallets([user_id]))


def sound(database: SqlDatabase) -> bool:
    with database.read() as unit:
        found = list(unit.ledger.breaches(_AT))
    assert found == []
    return True


# --- codes ------------------------------------------------------------------------------------------------------


def test_a_code_is_random_and_only_its_hash_is_kept(
    linking: LinkingService, lin: User, too: User, database: SqlDatabase
) -> None:
    asked, other = linking.ask(lin.id, Channel.TELEGRAM), linking.ask(too.id, Channel.WECHAT)
    assert asked.code != other.code
    assert code_in(asked.code) == asked.code == code_in(asked.payload)
    assert code_in(f" {asked.code.upper()} ") == asked.code
    assert len(asked.payload) <= 64  # of t.me and of QR_STR_SCENE
    assert asked.payload.replace("_", "").isalnum()
    for row in rows(database, link_codes):
        assert asked.code not in str(row)


@pytest.mark.parametrize("text", ["", "kw-", "Futian", "kw-123", "kw-" + "a" * 27, "link_é", "22.5410, 114.0580"])
def test_what_is_no_code(text: str) -> None:
    assert code_in(text) is None


@pytest.mark.parametrize("asks", [Channel.TELEGRAM, Channel.WECHAT])
def test_linking_in_both_directions(
    linking: LinkingService, database: SqlDatabase, lin: User, too: User, asks: Channel
) -> None:
    first, second = (lin, too) if asks is Channel.TELEGRAM else (too, lin)
    asked = linking.ask(first.id, asks, "  Lin \n of Futian " + "x" * 99)
    paid_in(database, second.id, 1200)
    offer = linking.look(second.id, asked.code)
    assert (offer.channel, offer.label[:14], len(offer.label)) == (asks, "Lin of Futian ", 40)
    assert offer.brings == (Tie(TieKind.MONEY, Money(1200, "CNY")),)
    assert same(database, first.id) == [first.id]  # looking links nothing
    linked = linking.confirm(second.id, asked.code)
    assert (linked.user.id, linked.channel) == (first.id, asks)
    with database.read() as unit:
        assert {one.id for name in (TELEGRAM, WECHAT) if (one := unit.users.by_identity(name))} == {first.id}
    # Whoever showed the code is told where they showed it.
    (told,) = rows(database, outbox)
    assert (told.channel, told.id) == (asks, linked.told[0])


def test_a_code_is_good_once_and_for_ten_minutes(
    linking: LinkingService, database: SqlDatabase, clock: SetClock, lin: User, too: User
) -> None:
    asked = linking.ask(lin.id, Channel.TELEGRAM)
    clock.time = asked.expires_at
    with pytest.raises(UserError, match="link_code_unknown"):
        linking.confirm(too.id, asked.code)
    assert timedelta(minutes=10) == CODE_LASTS
    asked = linking.ask(lin.id, Channel.TELEGRAM)
    linking.confirm(too.id, asked.code)
    third = person(database, Identity(Channel.WECHAT, "oChen"), clock.now())
    with pytest.raises(UserError, match="link_code_unknown"):
        linking.look(third.id, asked.code)


def test_two_who_use_one_code_at_once(
    linking: LinkingService, database: SqlDatabase, clock: SetClock, lin: User
) -> None:
    asked = linking.ask(lin.id, Channel.TELEGRAM)
    others = [person(database, Identity(Channel.WECHAT, f"oChen{n}"), clock.now()) for n in range(4)]
    together = Barrier(4)

    def use(user: User) -> bool:
        together.wait(30)
        try:
            linking.confirm(user.id, asked.code)
        except UserError:
            return False
        return True

    with ThreadPoolExecutor(4) as pool:
        assert sorted(pool.map(use, others)) == [False, False, False, True]
    assert len(same(database, lin.id)) == 2


def test_guessing_ends_after_five_tries(linking: LinkingService, clock: SetClock, lin: User, too: User) -> None:
    asked = linking.ask(lin.id, Channel.TELEGRAM)
    for n in range(MOST_TRIES):
        with pytest.raises(UserError, match="link_code_unknown"):
            linking.look(too.id, "kw-" + "abcde"[n] * 26)
    with pytest.raises(TooMany, match="too_many_codes"):
        linking.look(too.id, asked.code)
    clock.advance(minutes=61)
    fresh = linking.ask(lin.id, Channel.TELEGRAM)
    assert linking.look(too.id, fresh.code)


def test_who_may_not_be_linked(
    linking: LinkingService, database: SqlDatabase, clock: SetClock, lin: User, too: User
) -> None:
    wei = person(database, Identity(Channel.TELEGRAM, "4712"), clock.now())
    chen = person(database, Identity(Channel.WECHAT, "oChen"), clock.now())
    asked = linking.ask(lin.id, Channel.TELEGRAM)
    with pytest.raises(Conflict, match="link_to_yourself"):
        linking.look(lin.id, asked.code)
    with pytest.raises(Conflict, match="link_same_side"):
        linking.look(wei.id, asked.code)
    linking.confirm(too.id, asked.code)
    with pytest.raises(Conflict, match="already_linked"):
        linking.ask(lin.id, Channel.TELEGRAM)
    theirs = linking.ask(chen.id, Channel.WECHAT)
    with pytest.raises(Conflict, match="link_same_side"):
        linking.look(lin.id, theirs.code)


def test_official_account_and_miniprogram_may_be_linked_by_hand(
    linking: LinkingService, database: SqlDatabase, clock: SetClock, too: User
) -> None:
    """Without an Open Platform account nobody says that they are one person's."""
    program = person(database, Identity(Channel.MINIPROGRAM, "oProgram"), clock.now())
    asked = linking.ask(program.id, Channel.MINIPROGRAM)
    with database.write() as unit:
        unit.people.add_identity(Identity(Channel.UNIONID, "oUnion1"), program.id, clock.now())
        unit.people.add_identity(Identity(Channel.UNIONID, "oUnion2"), too.id, clock.now())
    with pytest.raises(Conflict, match="already_linked"):
        linking.look(too.id, asked.code)  # two unionids: two people
    other = person(database, Identity(Channel.WECHAT, "oOther"), clock.now())
    assert linking.confirm(other.id, asked.code).user.id == program.id


def test_ways_over_are_a_convenience(database: SqlDatabase, clock: SetClock, lin: User) -> None:
    def silent(*_: object) -> str:
        raise SupplierUnavailable("telegram", "getMe")

    asked = Asked("kw-" + "a" * 26, clock.now())
    bare = LinkingService(database, clock, WaysOver())
    assert (bare.telegram_link(asked), bare.wechat_qr(asked)) == ("", None)
    broken = LinkingService(database, clock, WaysOver(silent, silent))  # type: ignore[arg-type]  # it raises anyway
    assert (broken.telegram_link(asked), broken.wechat_qr(asked)) == ("", None)
    whole = LinkingService(database, clock, WaysOver(lambda: "kw_bot", lambda scene, lasts: scene.encode()))
    assert whole.telegram_link(asked) == "https://t.me/kw_bot?start=link_" + "a" * 26
    assert whole.wechat_qr(asked) == b"link_" + b"a" * 26


# --- what moves -------------------------------------------------------------------------------------------------


def test_free_money_moves_and_the_books_balance(
    linking: LinkingService, database: SqlDatabase, lin: User, too: User
) -> None:
    paid_in(database, lin.id, 5000)
    paid_in(database, too.id, 1200)
    linking.confirm(too.id, linking.ask(lin.id, Channel.TELEGRAM).code)
    assert (free(database, lin.id), free(database, too.id)) == (6200, 0)
    assert sound(database)


def test_an_open_charge_is_settled_first(
    linking: LinkingService, database: SqlDatabase, clock: SetClock, lin: User, too: User
) -> None:
    charge = charging(database, too.id, clock.now())
    asked = linking.ask(lin.id, Channel.TELEGRAM)
    with pytest.raises(Conflict, match="link_tied"):
        linking.confirm(too.id, asked.code)
    charge.end()
    linking.confirm(too.id, asked.code)  # the refusal has not used the code up
    assert free(database, lin.id) == 1000
    with database.read() as unit:
        assert [one.id for one in unit.sessions.of_user(unit.people.same_person(lin.id))] == [charge.id]
    assert sound(database)


@pytest.mark.parametrize("whose", ["asking", "asked"])
def test_an_open_refund_is_settled_first(
    linking: LinkingService, database: SqlDatabase, clock: SetClock, lin: User, too: User, whose: str
) -> None:
    refunding(database, lin.id if whose == "asking" else too.id, clock.now())
    asked = linking.ask(lin.id, Channel.TELEGRAM)
    with pytest.raises(Conflict, match="link_tied"):
        linking.confirm(too.id, asked.code)
    assert same(database, lin.id) == [lin.id]


def test_money_that_comes_later_is_brought_home_once(
    linking: LinkingService, database: SqlDatabase, lin: User, too: User
) -> None:
    linking.confirm(too.id, linking.ask(lin.id, Channel.TELEGRAM).code)
    for number in ("late", "later"):
        paid_in(database, too.id, 700, number)
        assert linking.bring_home() == 1
        assert linking.bring_home() == 0
    assert (free(database, lin.id), free(database, too.id)) == (1400, 0)
    assert sound(database)


def test_the_profile_of_who_asked_wins_and_a_no_stays_a_no(
    linking: LinkingService, database: SqlDatabase, lin: User, too: User, clock: SetClock
) -> None:
    night = QuietHours(time(22), time(8))
    with database.write() as unit:
        unit.users.save(replace(lin, energy_kwh=Decimal(45), mode=Mode.HURRY, asked=frozenset({"energy"})))
        unit.users.save(replace(too, energy_kwh=Decimal(15), stopped=True, quiet=night, asked=frozenset({"mode"})))
        unit.people.save_cars(too.id, [Car("", "Leaf", Plug.CHADEMO, Decimal(40), Decimal(30), usual=True)])
    linking.confirm(too.id, linking.ask(lin.id, Channel.TELEGRAM).code)
    with database.read() as unit:
        user = unit.users.get(lin.id)
        assert user is not None
        assert [car.name for car in unit.people.cars(lin.id)] == ["Leaf"]
    assert (user.energy_kwh, user.mode, user.asked) == (Decimal(45), Mode.HURRY, {"energy", "mode"})
    assert (user.stopped, user.quiet) == (True, night)


@pytest.mark.parametrize(
    ("first", "second", "kept"),
    [("yes", "yes", True), ("yes", "not asked", True), ("yes", "no", False), ("no", "yes", False)],
)
def test_no_consent_grows_by_linking(
    linking: LinkingService,
    database: SqlDatabase,
    clock: SetClock,
    lin: User,
    too: User,
    first: str,
    second: str,
    kept: bool,
) -> None:
    with database.write() as unit:
        for user, answer in ((lin, first), (too, second)):
            if answer != "not asked":
                unit.users.save(replace(user, asked=frozenset({"consent"})))
            if answer == "yes":
                unit.users.grant_consent(user.id, HISTORY, 1, clock.now())
                unit.users.keep_search(user.id, (22.5, 114.1), clock.now())
    linking.confirm(too.id, linking.ask(lin.id, Channel.TELEGRAM).code)
    with database.read() as unit:
        assert unit.users.has_consent(lin.id, HISTORY) is kept
        assert (unit.users.last_search(lin.id) is not None) is kept


# --- parting ----------------------------------------------------------------------------------------------------


def test_unlinking_leaves_the_money_where_it_was_said(
    linking: LinkingService, database: SqlDatabase, clock: SetClock, lin: User, too: User
) -> None:
    paid_in(database, too.id, 1200)
    login = LoginService(database, clock, Doors())
    program = Identity(Channel.MINIPROGRAM, "oProgram")
    linking.confirm(too.id, linking.ask(lin.id, Channel.TELEGRAM).code)
    with database.write() as unit:
        unit.people.add_identity(program, lin.id, clock.now())
    by_wechat = login.enter(Proven(program), LoginKind.MINIPROGRAM).token
    by_telegram = login.enter(Proven(TELEGRAM), LoginKind.TELEGRAM).token
    assert linking.leaving(lin.id, Channel.TELEGRAM) is Channel.WECHAT
    assert linking.unlink(lin.id, Channel.TELEGRAM) is Channel.WECHAT
    with database.read() as unit:
        left, left_too = unit.users.by_identity(WECHAT), unit.users.by_identity(program)
        stayed = unit.users.by_identity(TELEGRAM)
    assert left is not None
    assert left_too == left
    assert stayed is not None
    assert (stayed.id, left.id not in (lin.id, too.id)) == (lin.id, True)
    assert (free(database, lin.id), free(database, left.id)) == (1200, 0)
    assert (login.logged_in(by_wechat), login.logged_in(by_telegram) is not None) == (None, True)
    with pytest.raises(Conflict, match="not_linked"):
        linking.unlink(lin.id, Channel.TELEGRAM)
    # They may come together again.
    assert linking.confirm(left.id, linking.ask(lin.id, Channel.TELEGRAM).code).user.id == lin.id


def test_old_codes_are_forgotten(linking: LinkingService, database: SqlDatabase, clock: SetClock, lin: User) -> None:
    linking.ask(lin.id, Channel.TELEGRAM)
    clock.advance(days=2)
    assert linking.purge() == 1
    assert rows(database, link_codes) == []
