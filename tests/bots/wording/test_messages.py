"""What is said unasked: every code in both languages, nothing foreign believed, doubles told as doubles."""

from __future__ import annotations

import ast
import string
from collections.abc import Iterator
from pathlib import Path

import pytest

from bots.wording import wording
from bots.wording.messages import MESSAGES, TITLE_MAX, Said, said

ROOT = Path(__file__).resolve().parents[3]


def money(minor: int, currency: str = "CNY") -> dict[str, object]:
    return {"amount_minor": minor, "currency": currency}


# Everything any of them may be given.
PARAMS = {
    "session_id": "s-81f2",
    "station": "Lotus Road",
    "hold": money(6000),
    "charged": money(3250),
    "released": money(2750),
    "credited": money(3250),
    "amount": money(5000),
    "energy_kwh": "30.512",
    "reason": "gun_busy",
    "due_at": {"at": "2026-11-28T17:00:00+00:00"},
    "reviewed": True,
    "nearby": "Bamboo Square",
    "away_m": 1260,
    "free": 3,
    "soc": 81,
    "why": "no_bill",
    "held_at": {"at": "2026-11-23T04:00:00+00:00"},
    "until_at": {"at": "2026-11-26T04:00:00+00:00"},
    "asked_kwh": "32.0",
    "used": money(4500),
    "per_minute": {"price": "0.5", "currency": "CNY"},
    "idle_from_at": "2026-11-23T05:30:00+00:00",
    "place": "Lotus Road",
    "below": {"price": "0.9", "currency": "CNY"},
    "days": 30,
    "told": 2,
    "nearest": {"price": "0.95", "currency": "CNY"},
    "nearest_at": {"at": "2026-11-26T04:00:00+00:00"},
}


def spoken(code: str, language: str = "en", *, repeat: bool = False, **changes: object) -> Said:
    params = {**PARAMS, **changes}
    return said(wording(language), code, params, time_zone="Asia/Shanghai", subject="s1", repeat=repeat)


@pytest.mark.parametrize("language", ["en", "zh-CN"])
@pytest.mark.parametrize("code", list(MESSAGES))
def test_every_message_can_be_said(code: str, language: str) -> None:
    message = spoken(code, language)
    assert "{" not in message.title + message.text
    assert 0 < len(message.title) <= TITLE_MAX
    assert 1 <= len(message.text.splitlines()) <= 4


def test_the_receipt_tells_energy_cost_rest_and_reference() -> None:
    message = spoken("receipt", reviewed=False)
    assert message.title == "Your bill: ¥32.50"
    assert message.text.splitlines() == [
        "Lotus Road: 30.51 kWh, ¥32.50 in all.",
        "¥27.50 is in your balance again.",
        "Reference: s-81f2",
    ]
    assert "once more" in spoken("receipt").text


def test_a_line_about_nothing_is_left_out() -> None:
    assert "balance" not in spoken("receipt", released=money(0)).text
    assert spoken("start_failed", released=None, nearby="").text.splitlines()[-1] == "Nothing was charged."


def test_a_failed_start_names_the_next_free_gun() -> None:
    last = spoken("start_failed").text.splitlines()[-1]
    assert last == "Nearest free gun: Bamboo Square, 1.3 km from there, 3 free."


def test_what_standing_costs_and_from_when() -> None:
    lines = spoken("charge_ended").text.splitlines()[-2:]
    assert lines == [
        "Each minute the car stays after charging costs ¥0.50.",
        "That begins at 2026-11-23 13:30.",
    ]
    free = {"per_minute": None, "idle_from_at": None}
    assert len(spoken("charge_ended", **free).text.splitlines()) == 2
    third = {"per_minute": {"price": "0.01333333", "currency": "EUR"}, "idle_from_at": None}
    assert spoken("idle_fee_soon", **third).text.endswith("costs €0.0133.")


def test_money_keeps_the_minor_units_of_its_currency() -> None:
    assert spoken("topup_paid", amount=money(1500, "JPY")).title == "Paid in: ¥1,500"
    assert spoken("topup_paid", amount=money(1500, "EUR")).title == "Paid in: €15.00"


def test_a_due_date_is_the_day_where_the_person_lives() -> None:
    assert "2026-11-29" in spoken("refund_sent").text


def test_an_unknown_reason_is_still_a_sentence() -> None:
    assert spoken("start_failed", reason="E4711").text.startswith("Lotus Road: the operator refused it.")


def test_a_repetition_says_so_and_names_what_it_repeats() -> None:
    first = spoken("receipt", repeat=True).text.splitlines()[0]
    assert first == "Said again, in case the first one did not arrive (s-81f2)."
    assert "s-81f2" in spoken("charge_started", "zh-CN", repeat=True).text.splitlines()[0]


def test_foreign_words_are_cleaned_and_cut() -> None:
    text = spoken("charge_started", station="Lotus\u202e\x07\nRoad " + "x" * 5000).text
    assert text.startswith("Lotus Road xxx")
    assert len(text) < 200
    assert len(text.splitlines()) == 1


def test_a_code_or_a_parameter_that_is_not_there_is_an_error() -> None:
    with pytest.raises(KeyError):
        spoken("never_heard_of_it")
    with pytest.raises(KeyError):
        said(wording("en"), "topup_paid", {}, time_zone="UTC", subject="s", repeat=False)


def test_a_row_from_before_a_line_had_its_gap_is_said_without_that_line() -> None:
    old = {"session_id": "s1", "station": "Lotus Road", "reason": "gun_busy", "released": money(4500)}
    told = said(wording("en"), "start_failed", old, time_zone="UTC", subject="s1", repeat=False)
    assert told.text.splitlines() == [
        "Lotus Road: the gun is in use. Wait or try another one.",
        "Nothing was charged.",
        "¥45.00 is in your balance again.",
    ]
    old = {"session_id": "s1", "station": "Lotus Road", "energy_kwh": "3", "reason": ""}
    told = said(wording("en"), "charge_ended", old, time_zone="UTC", subject="s1", repeat=False)
    assert len(told.text.splitlines()) == 2


def test_a_reference_alone_says_nothing() -> None:
    bare = {"amount": money(5000)}
    with pytest.raises(KeyError, match="due_at"):
        said(wording("en"), "refund_sent", bare, time_zone="UTC", subject="s", repeat=False)


def test_everything_the_core_tells_has_its_sentence_and_fills_its_gaps() -> None:
    told = [one for path in (ROOT / "core" / "services").rglob("*.py") for one in _told(path)]
    assert told
    assert sorted({code for code, _ in told} - set(MESSAGES)) == []
    assert [(code, missing) for code, given in told if (missing := _gaps(code) - given)] == []


def _gaps(code: str) -> set[str]:
    message = MESSAGES[code]
    texts = [message.title, *message.lines]
    return {name for text in texts for _, name, _, _ in string.Formatter().parse(text) if name}


def _told(path: Path) -> Iterator[tuple[str, set[str]]]:
    """Codes that are written out, with the names of what they are given: in tell(unit, user, code, {…}),
    say(session, code, …) of a charge and say(user, code, amount, …) of a case.
    """
    place = {"tell": 2, "say": 1}
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        name = getattr(node.func, "id", "") or getattr(node.func, "attr", "") if isinstance(node, ast.Call) else ""
        if not isinstance(node, ast.Call) or name not in place or len(node.args) <= place[name]:
            continue
        code, *more = node.args[place[name] :]
        if not isinstance(code, ast.Constant) or not isinstance(code.value, str):
            continue
        given = {keyword.arg for keyword in node.keywords if keyword.arg} | {"reference"}
        if name == "say":
            given |= {"amount"} if more else {"station", "session_id"}
        elif more and isinstance(more[0], ast.Dict):
            given |= {str(key.value) for key in more[0].keys if isinstance(key, ast.Constant)}
        yield code.value, given
