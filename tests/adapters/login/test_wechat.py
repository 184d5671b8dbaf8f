"""WeChat's login codes against an API over HTTP: sentences for its refusals, and nothing secret in any text."""

from __future__ import annotations

import traceback
from collections.abc import Iterator
from urllib.parse import parse_qs, urlsplit

import pytest

from adapters.login.wechat import MiniProgramCodes, PageCodes
from core.errors import KilowatchError, NotLoggedIn, SupplierUnavailable, TooMany
from core.user import Channel, Identity
from tests.bots.wechat.pretend import Api, serving_api

PROGRAM, PAGE = "/sns/jscode2session", "/sns/oauth2/access_token"
OPENID, UNIONID, SECRET = "oLin-_0123456789012345678901", "oUnion-_01234567890123456789", "canary-s3cret"
SESSION_KEY, CODE = "canary-session-key==", "0a1B-canary_code"


@pytest.fixture
def api() -> Iterator[Api]:
    with serving_api() as api:
        yield api


@pytest.fixture
def program(api: Api) -> MiniProgramCodes:
    return MiniProgramCodes("wxprogram", SECRET, api.url)


@pytest.fixture
def page(api: Api) -> PageCodes:
    return PageCodes("wxofficial", SECRET, api.url)


def test_a_code_becomes_a_person_and_the_session_key_stays(program: MiniProgramCodes, api: Api) -> None:
    api.answers[PROGRAM] = [
        {"openid": OPENID, "session_key": SESSION_KEY, "unionid": UNIONID},
        {"openid": OPENID, "session_key": SESSION_KEY, "errcode": 0},
    ]
    proven = program.exchange(CODE)
    assert (proven.identity, proven.unionid) == (Identity(Channel.MINIPROGRAM, OPENID), UNIONID)
    assert SESSION_KEY not in repr(proven)
    assert program.exchange(CODE).unionid == ""
    assert api.calls[0].query == {
        "appid": "wxprogram",
        "secret": SECRET,
        "js_code": CODE,
        "grant_type": "authorization_code",
    }


@pytest.mark.parametrize(
    ("errcode", "kind", "code"),
    [
        (40029, NotLoggedIn, "login_code_bad"),
        (40163, NotLoggedIn, "login_code_used"),
        (40226, NotLoggedIn, "login_blocked"),
        (45011, TooMany, "too_many_requests"),
        (-1, SupplierUnavailable, "errcode -1"),
        (40013, SupplierUnavailable, "errcode 40013"),
    ],
)
def test_a_refusal_says_who_can_help(
    program: MiniProgramCodes, api: Api, errcode: int, kind: type[KilowatchError], code: str
) -> None:
    api.answers[PROGRAM] = [{"errcode": errcode, "errmsg": f"invalid code {CODE} {SECRET}"}]
    with pytest.raises(kind, match=code) as caught:
        program.exchange(CODE)
    assert len(api.calls) == 1  # a code works once: nothing is asked twice
    text = "".join(traceback.format_exception(caught.value))
    assert SECRET not in text
    assert CODE not in text


@pytest.mark.parametrize(
    "answer",
    [(500, b"oops"), (302, b"https://elsewhere.example/"), b"<html>", b"[]", {"openid": 5}, {"openid": ""}, {}],
)
def test_an_answer_that_is_none_is_silence(program: MiniProgramCodes, api: Api, answer: object) -> None:
    api.answers[PROGRAM] = [answer]
    with pytest.raises(SupplierUnavailable):
        program.exchange(CODE)


def test_nobody_there_is_silence_without_the_secret() -> None:
    with pytest.raises(SupplierUnavailable) as caught:
        MiniProgramCodes("wxprogram", SECRET, "http://127.0.0.1:9").exchange(CODE)
    assert SECRET not in "".join(traceback.format_exception(caught.value))


@pytest.mark.parametrize("code", ["", "a b", "é", "x" * 200, "a&secret=1", "\n"])
def test_what_is_no_code_is_not_asked(program: MiniProgramCodes, api: Api, code: str) -> None:
    with pytest.raises(NotLoggedIn, match="login_code_bad"):
        program.exchange(code)
    assert api.calls == []


def test_the_page_is_sent_to_wechat_and_comes_back_as_a_person(page: PageCodes, api: Api) -> None:
    address = urlsplit(page.address("https://kilowatch.example/back?x=1", "the-state"))
    assert (address.hostname, address.path, address.fragment) == (
        "open.weixin.qq.com",
        "/connect/oauth2/authorize",
        "wechat_redirect",
    )
    assert parse_qs(address.query) == {
        "appid": ["wxofficial"],
        "redirect_uri": ["https://kilowatch.example/back?x=1"],
        "response_type": ["code"],
        "scope": ["snsapi_base"],
        "state": ["the-state"],
    }
    api.answers[PAGE] = [{"openid": OPENID, "access_token": "canary-user-token", "scope": "snsapi_base"}]
    assert page.exchange(CODE).identity == Identity(Channel.WECHAT, OPENID)
    assert api.calls[0].query["code"] == CODE


def test_a_page_in_snapshot_mode_is_nobody(page: PageCodes, api: Api) -> None:
    api.answers[PAGE] = [{"openid": OPENID, "is_snapshotuser": 1}]
    with pytest.raises(NotLoggedIn, match="login_snapshot"):
        page.exchange(CODE)
