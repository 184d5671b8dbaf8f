"""Tokens: who has one, how long it lasts, how it ends; and WeChat's accounts that are one person."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from core.errors import NotFound, NotLoggedIn, UserError
from core.ports import LoginKind, Proven
from core.services.login import MOST_LOGINS, Doors, LoginService, NewLogin
from core.user import Channel, Identity
from storage.tables import logins
from storage.unit_of_work import SqlDatabase
from tests.core.services.test_linking import charging, paid_in
from tests.storage.samples import rows
from tests.world import SetClock

LIN = Proven(Identity(Channel.TELEGRAM, "815"), language="zh-hans")
PROGRAM, OFFICIAL = Identity(Channel.MINIPROGRAM, "oProgram"), Identity(Channel.WECHAT, "oOfficial")


@pytest.fixture
def clock() -> SetClock:
    return SetClock()


@pytest.fixture
def login(database: SqlDatabase, clock: SetClock) -> LoginService:
    return LoginService(database, clock, Doors(local=True))


def enter(login: LoginService, proven: Proven = LIN) -> NewLogin:
    return login.enter(proven, LoginKind.TELEGRAM)


def test_the_first_login_registers_and_the_token_is_ours_alone(login: LoginService, database: SqlDatabase) -> None:
    first, second = enter(login), enter(login)
    assert (first.new, second.new, first.user.language) == (True, False, "zh-CN")
    assert first.user.id == second.user.id
    assert first.token != second.token
    assert len(first.token) >= 43
    stored = {row.token_hash for row in rows(database, logins)}
    assert stored == {hashlib.sha256(one.token.encode()).hexdigest() for one in (first, second)}
    found = login.logged_in(first.token)
    assert found is not None
    assert found.user == first.user


@pytest.mark.parametrize("token", ["", "x", "é", "\ud800", "0" * 43, "y" * 500])
def test_what_is_no_token_is_nobody(login: LoginService, token: str) -> None:
    enter(login)
    assert login.logged_in(token) is None


def test_it_lasts_thirty_days_after_its_last_use(login: LoginService, clock: SetClock) -> None:
    token = enter(login).token
    for _ in range(3):
        clock.advance(days=29)
        assert login.logged_in(token) is not None
    clock.advance(days=30)
    assert login.logged_in(token) is None


def test_use_is_written_down_once_an_hour(login: LoginService, clock: SetClock, database: SqlDatabase) -> None:
    entered, token = clock.now(), enter(login).token
    clock.advance(minutes=59)
    assert login.logged_in(token)
    assert rows(database, logins)[0].used_at == entered
    clock.advance(minutes=1)
    assert login.logged_in(token)
    assert rows(database, logins)[0].used_at == clock.now()


def test_logging_out_here_and_everywhere(login: LoginService) -> None:
    one, other = enter(login), enter(login)
    assert login.end(one.token)
    assert not login.end(one.token)
    assert login.logged_in(one.token) is None
    assert login.logged_in(other.token) is not None
    assert login.end_all(other.user.id) == 1
    assert login.logged_in(other.token) is None


def test_a_person_has_so_many_logins_and_old_ones_are_forgotten(
    login: LoginService, clock: SetClock, database: SqlDatabase
) -> None:
    first = enter(login)
    for _ in range(MOST_LOGINS):
        clock.advance(seconds=1)
        last = enter(login)
    assert login.logged_in(first.token) is None
    assert login.logged_in(last.token) is not None
    clock.advance(days=38)
    assert login.purge() == MOST_LOGINS + 1
    assert rows(database, logins) == []


def test_a_way_that_is_not_offered(database: SqlDatabase, clock: SetClock) -> None:
    closed = LoginService(database, clock, Doors())
    for way in (closed.telegram, closed.miniprogram, closed.page):
        with pytest.raises(NotFound, match="login_not_offered"):
            way("anything")
    with pytest.raises(NotFound, match="login_not_offered"):
        closed.local("lin", "en")
    with pytest.raises(NotFound, match="login_not_offered"):
        closed.page_address("https://kilowatch.example", "state")


@pytest.mark.parametrize("name", ["", "a b", "x" * 33, "../x", "<b>", "\ud800"])
def test_a_local_name_is_a_plain_one(login: LoginService, name: str) -> None:
    with pytest.raises(UserError, match="bad_name"):
        login.local(name, "en")


def test_local_names_are_people(login: LoginService) -> None:
    lin, again, wei = login.local("lin", "en"), login.local("Lin", "en"), login.local("wei", "zh")
    assert lin.user.id == again.user.id != wei.user.id


def test_a_ticket_is_good_for_one_download_and_no_login(login: LoginService, clock: SetClock) -> None:
    lin = enter(login).user
    ticket, late = login.ticket(lin.id), login.ticket(lin.id)
    assert login.logged_in(ticket) is None
    assert login.redeem(ticket).id == lin.id
    for used in (ticket, enter(login).token, "nothing"):
        with pytest.raises(NotLoggedIn, match="ticket_used"):
            login.redeem(used)
    clock.advance(minutes=10)
    with pytest.raises(NotLoggedIn, match="ticket_used"):
        login.redeem(late)


# --- unionid ----------------------------------------------------------------------------------------------------


def names(database: SqlDatabase, user_id: str) -> set[Identity]:
    with database.read() as unit:
        return set(unit.people.identities(user_id))


def test_the_unionid_joins_whoever_comes_later(login: LoginService, database: SqlDatabase) -> None:
    union = Identity(Channel.UNIONID, "oUnion")
    first = enter(login, Proven(PROGRAM, "oUnion"))
    assert names(database, first.user.id) == {PROGRAM, union}
    second = enter(login, Proven(OFFICIAL, "oUnion"))
    assert second.user.id == first.user.id
    assert names(database, first.user.id) == {PROGRAM, OFFICIAL, union}
    assert enter(login, Proven(OFFICIAL)).user.id == first.user.id


def test_two_accounts_with_a_past_become_one(login: LoginService, database: SqlDatabase, clock: SetClock) -> None:
    chat = enter(login, Proven(OFFICIAL)).user
    clock.advance(days=1)
    program = enter(login, Proven(PROGRAM, "oUnion"))
    paid_in(database, program.user.id, 5000)
    login.unionid_known(OFFICIAL, "oUnion")
    with database.read() as unit:
        assert unit.people.same_person(program.user.id) == [chat.id, program.user.id]
        (wallet,) = unit.ledger.wallets([chat.id])
        assert wallet.available.amount_minor == 5000
        assert list(unit.ledger.breaches(clock.now())) == []
    found = login.logged_in(program.token)
    assert found is not None
    assert found.user.id == chat.id


def test_an_open_charge_keeps_them_apart_for_now(login: LoginService, database: SqlDatabase, clock: SetClock) -> None:
    chat = enter(login, Proven(OFFICIAL)).user
    program = enter(login, Proven(PROGRAM, "oUnion")).user
    session = charging(database, program.id, clock.now())
    assert enter(login, Proven(OFFICIAL, "oUnion")).user.id == chat.id
    session.end()
    assert enter(login, Proven(OFFICIAL, "oUnion")).user.id == enter(login, Proven(PROGRAM)).user.id


def test_a_stranger_to_us_is_not_joined(login: LoginService, tmp_path: Path) -> None:
    login.unionid_known(OFFICIAL, "oUnion")
    assert enter(login, Proven(PROGRAM, "oUnion")).new
