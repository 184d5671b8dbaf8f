"""What chats were asked: the last question counts, for ten minutes, and the memory of it has an end."""

from __future__ import annotations

from bots.telegram.expected import WAITS_FOR, Expected
from tests.world import NOW

LIN, WEI = 1, 2


def test_a_question_waits_for_its_answer() -> None:
    expected = Expected()
    expected.ask(LIN, "which amount?", NOW)
    assert expected.asked(LIN, str, NOW) == "which amount?"
    assert expected.asked(LIN, int, NOW) is None, "another kind of question"
    assert expected.asked(WEI, str, NOW) is None
    assert expected.asked(LIN, str, NOW + WAITS_FOR) is None
    expected.no_more(LIN)
    assert expected.asked(LIN, str, NOW) is None


def test_the_last_question_counts() -> None:
    expected = Expected()
    expected.number(LIN, NOW)
    expected.ask(LIN, "which amount?", NOW)
    assert not expected.is_number(LIN, NOW)
    expected.number(LIN, NOW)
    assert (expected.is_number(LIN, NOW), expected.asked(LIN, str, NOW)) == (True, None)


def test_of_too_many_chats_the_oldest_are_forgotten() -> None:
    expected = Expected(most=2)
    for chat in (LIN, WEI, 3):
        expected.ask(chat, "where?", NOW)
    assert [expected.asked(chat, str, NOW) for chat in (LIN, WEI, 3)] == [None, "where?", "where?"]
    expected.ask(LIN, "where?", NOW + WAITS_FOR)
    assert len(expected._asked) == 1, "those that are over go too"
