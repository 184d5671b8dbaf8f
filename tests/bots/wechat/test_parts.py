"""The small parts: memory, settings, texts cut to size."""

from __future__ import annotations

import threading
from datetime import timedelta

import pytest

from bots.wechat.config import WechatConfig
from bots.wechat.memory import Memory
from bots.wechat.render import cut_lines, plain
from bots.wechat.words import Wish, understand
from core.errors import ConfigurationError
from tests.bots.wechat.pretend import AES_KEY, SECRET
from tests.world import SetClock


class TestMemory:
    def test_it_is_bounded_in_rows(self) -> None:
        memory: Memory[int] = Memory(SetClock(), life=timedelta(minutes=1), most=3)
        for n in range(10):
            memory.put(str(n), n)
        assert len(memory) == 3
        assert [memory.get(str(n)) for n in (0, 6, 7, 9)] == [None, None, 7, 9]

    def test_it_is_bounded_in_time(self) -> None:
        clock = SetClock()
        memory: Memory[int] = Memory(clock, life=timedelta(minutes=1), most=3)
        memory.put("a", 1)
        clock.advance(seconds=50)
        memory.put("b", 2)
        clock.advance(seconds=20)
        assert (memory.get("a"), memory.get("b")) == (None, 2)
        memory.put("b", 3)
        clock.advance(seconds=59)
        assert memory.get("b") == 3

    def test_one_of_many_is_first(self) -> None:
        memory: Memory[int] = Memory(SetClock(), life=timedelta(minutes=1), most=3)
        stands: list[int] = []
        threads = [threading.Thread(target=lambda n=n: stands.append(memory.put_if_absent("k", n))) for n in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(10)
        assert len(stands) == 8
        assert len(set(stands)) == 1


class TestConfig:
    def test_everything_missing_is_reported_together(self) -> None:
        with pytest.raises(ConfigurationError) as wrong:
            WechatConfig(app_id="", token="", aes_key="")
        assert len(wrong.value.problems) == 3

    @pytest.mark.parametrize("key", [AES_KEY[:-1], AES_KEY + "x", "-" * 43, "é" * 43])
    def test_aes_keys_that_are_none(self, key: str) -> None:
        with pytest.raises(ConfigurationError, match="WECHAT_AES_KEY"):
            WechatConfig(app_id="wx", token="t", aes_key=key)

    def test_it_can_be_printed(self) -> None:
        shown = repr(WechatConfig(app_id="wx", token="tok-canary", aes_key=AES_KEY, app_secret=SECRET))
        assert "wx" in shown
        assert not any(secret in shown for secret in ("tok-canary", AES_KEY, SECRET))


class TestText:
    @pytest.mark.parametrize(
        ("given", "shown"),
        [
            ("a<b>&c", "a＜b＞＆c"),
            ("x\x00\x08y\ud800\u200b\u202e\ufffez", "xyz"),
            ("one\n\t two\u2028three", "one two three"),
            ("see https://evil.example", "see https：//evil.example"),
            ("充电站 😀", "充电站 😀"),
        ],
    )
    def test_plain(self, given: str, shown: str) -> None:
        assert plain(given) == shown

    def test_cut_to_characters(self) -> None:
        assert plain("abcdef", 6) == "abcdef"
        assert plain("abcdefg", 6) == "abcde…"

    def test_cut_to_lines(self) -> None:
        assert cut_lines("汉" * 600 + "\n" + "汉" * 600) == "汉" * 600
        assert cut_lines("short\nlines") == "short\nlines"


@pytest.mark.parametrize(
    ("typed", "wish", "value"),
    [
        ("帮助", Wish.HELP, ""),
        ("Help!", Wish.HELP, ""),
        ("？", Wish.HELP, ""),
        ("ＨＥＬＰ", Wish.HELP, ""),
        ("③", Wish.NUMBER, "3"),
        ("6", Wish.ENERGY, "6"),
        ("40", Wish.ENERGY, "40"),
        ("40 度电", Wish.ENERGY, "40"),
        ("35.5KWH", Wish.ENERGY, "35.5"),
        ("“价格”", Wish.SORT, "price"),
        ("附近？？", Wish.NEARBY, ""),
        ("不赶时间", Wish.MODE, "balanced"),
        ("深圳北站", Wish.PLACE, "深圳北站"),
        ("22.541，114.058", Wish.PLACE, "22.541,114.058"),
        ("1234", Wish.PLACE, "1234"),
    ],
)
def test_words(typed: str, wish: Wish, value: str) -> None:
    words = understand(typed)
    assert (words.wish, words.value) == (wish, value)
