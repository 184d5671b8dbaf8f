"""Sending from jobs: what Telegram's refusals mean, over real HTTP, and never a word of the token."""

from __future__ import annotations

import logging
import traceback
from collections.abc import Iterator

import pytest

from bots.telegram.messenger import TelegramBusy, TelegramMessenger
from bots.telegram.render import message
from core.errors import ChatUnreachable, SupplierUnavailable
from tests.bots.telegram.server import TOKEN, BotApi


@pytest.fixture
def telegram() -> Iterator[BotApi]:
    with BotApi() as api:
        yield api


@pytest.fixture
def messenger(telegram: BotApi) -> TelegramMessenger:
    return TelegramMessenger(TOKEN, telegram.url + "/")


def test_ping_names_the_bot(messenger: TelegramMessenger) -> None:
    assert messenger.ping() == "kilowatch_test_bot"


def test_a_rendered_message_arrives(telegram: BotApi, messenger: TelegramMessenger) -> None:
    lin = telegram.person("Lin")
    keyboard = {"inline_keyboard": [[{"text": "a", "callback_data": "b"}]]}
    number = messenger.send_message(str(lin.id), message("<b>75 %</b> &amp; more", keyboard))
    assert (lin.messages[0].message_id, lin.messages[0].text) == (number, "75 % & more")


def test_429_tells_how_long_to_wait(telegram: BotApi, messenger: TelegramMessenger) -> None:
    telegram.refuse_next("sendMessage", 429, "Too Many Requests: retry after 17", retry_after=17)
    with pytest.raises(TelegramBusy) as busy:
        messenger.send_message("5", message("hi"))
    assert busy.value.retry_after_s == 17


@pytest.mark.parametrize(
    ("code", "words"),
    [(403, "Forbidden: bot was blocked by the user"), (400, "Bad Request: chat not found"),
     (403, "Forbidden: user is deactivated")],
)  # fmt: skip
def test_a_chat_that_is_gone_is_final(telegram: BotApi, messenger: TelegramMessenger, code: int, words: str) -> None:
    telegram.refuse_next("sendMessage", code, words)
    with pytest.raises(ChatUnreachable) as gone:
        messenger.send_message("5", message("hi"))
    assert (gone.value.channel, gone.value.chat_id) == ("telegram", "5")


@pytest.mark.parametrize(
    ("code", "words"), [(500, "Internal Server Error"), (400, "Bad Request: message is too long")]
)
def test_other_refusals_are_tried_again_or_looked_at(
    telegram: BotApi, messenger: TelegramMessenger, code: int, words: str
) -> None:
    telegram.refuse_next("sendMessage", code, words)
    with pytest.raises(SupplierUnavailable, match=str(code)):
        messenger.send_message("5", message("hi"))


def test_errors_do_not_hold_the_token(telegram: BotApi, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    nobody = TelegramMessenger(TOKEN, "http://127.0.0.1:1")
    with pytest.raises(SupplierUnavailable) as away:
        nobody.ping()
    wrong = TelegramMessenger("999:" + TOKEN.split(":")[1], telegram.url)
    with pytest.raises(SupplierUnavailable) as refused:
        wrong.ping()
    for error in (away.value, refused.value):
        assert error.__context__ is None
        assert TOKEN.split(":")[1] not in "".join(traceback.format_exception(error))
