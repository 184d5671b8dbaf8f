"""The promises about money, at a word."""

from __future__ import annotations

import pytest

from bots.wording import promises, wording
from tests.bots.wechat.pretend import LIN, Platform

LONGEST_BYTES = 2048  # of a passive text reply


@pytest.mark.parametrize("word", ["安全", "safety", "资金安全"])
def test_the_promises_are_told_in_the_drivers_language(wechat: Platform, word: str) -> None:
    reply = wechat.push(wechat.text(LIN, word))
    say = wording("zh-CN")
    lines = (reply.text or "").split("\n")
    assert lines[0] == promises.title(say)
    assert lines[1:] == [f"{number}. {line}" for number, line in enumerate(promises.lines(say), start=1)]
    assert len((reply.text or "").encode()) < LONGEST_BYTES
