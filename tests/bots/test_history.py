"""The file of past charges: every row in order, in both languages, and harmless in a spreadsheet."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from bots import history
from bots.wording import wording
from core.errors import UserError
from core.ports import HistoryFilter
from core.session import ChargingSession, SessionState
from core.user import Channel
from tests.bots.driving import Driving
from tests.world import World, make_world

NASTY = '=HYPERLINK("http://bad.example","Station")'
SHANGHAI = "Asia/Shanghai"


@pytest.fixture(scope="module")
def driven(tmp_path_factory: pytest.TempPathFactory) -> tuple[World, str, list[ChargingSession]]:
    """Lin has charged twice; the third start was refused, and the station's name is not a friendly one."""
    world = make_world(tmp_path_factory.mktemp("history"))
    driving = Driving(world)
    driving.supplier.renames("P1", NASTY)
    world.services.catalogue.load(driving.supplier, doubt_shrinking=False)
    lin = driving.user_id(Channel.TELEGRAM, "1")
    driving.tops_up(lin, 200)
    sessions = [driving.ends(driving.begins(lin)), driving.ends(driving.begins(lin, gun=1))]
    driving.supplier.refuses_starts = "gun_offline"
    sessions.append(driving.now(driving.begins(lin, gun=2)))
    return world, lin, sessions


def rows(world: World, lin: str, language: str = "en", wanted: HistoryFilter | None = None) -> list[list[str]]:
    found = history.receipts(world.services, lin, wanted)
    text = "".join(history.csv_rows(wording(language), found, "UTC"))
    assert text.startswith("\ufeff")
    assert text.count("\r\n") == text.count("\n")
    return list(csv.reader(io.StringIO(text[1:], newline="")))


def test_every_charge_is_a_row_and_the_newest_comes_first(
    driven: tuple[World, str, Sequence[ChargingSession]],
) -> None:
    world, lin, (first, second, failed) = driven
    header, *found = rows(world, lin)
    assert header == [
        "Reference", "Started", "Ended", "Station", "Operator", "Gun", "Energy (kWh)", "Quoted", "Billed", "Paid",
        "Currency", "State", "Price version", "Record",
    ]  # fmt: skip
    assert [row[0].lstrip("'") for row in found] == [failed.id, second.id, first.id]
    row = dict(zip(header, found[2], strict=True))
    receipt = world.services.wallet.receipt(lin, first.id)
    assert receipt.record is not None
    assert receipt.billed is not None
    began = receipt.record.started_at.astimezone(ZoneInfo(SHANGHAI))
    assert row["Started"] == began.isoformat()
    assert row["Started"].endswith("+08:00")
    assert row["Station"] == "'" + NASTY
    assert Decimal(row["Energy (kWh)"]) == receipt.record.energy_kwh
    assert (row["Quoted"], row["Currency"], row["State"]) == ("30.00", "CNY", "Settled")
    assert row["Billed"] == row["Paid"] == str(receipt.paid.decimal)
    assert (row["Price version"], row["Record"]) == (first.quote.tariff_id, receipt.record.record_id)


def test_a_start_that_failed_has_its_moment_and_no_bill(driven: tuple[World, str, Sequence[ChargingSession]]) -> None:
    world, lin, (_, _, failed) = driven
    header, row, *_ = rows(world, lin)
    told = dict(zip(header, row, strict=True))
    assert datetime.fromisoformat(told["Started"]) == failed.created_at
    assert (told["Ended"], told["Energy (kWh)"], told["Billed"], told["Paid"], told["Record"]) == (
        "", "", "", "0.00", "",
    )  # fmt: skip


def test_the_header_speaks_chinese_as_well(driven: tuple[World, str, Sequence[ChargingSession]]) -> None:
    world, lin, _ = driven
    header, *found = rows(world, lin, "zh-CN")
    assert len(set(header)) == 14
    assert not any(name.isascii() for name in header)
    assert found[1][11] != "Settled"


def test_only_what_is_wanted_is_in_it(driven: tuple[World, str, Sequence[ChargingSession]]) -> None:
    world, lin, (first, second, failed) = driven
    settled = rows(world, lin, wanted=HistoryFilter(states=frozenset({SessionState.SETTLED})))
    assert len(settled) == 3
    later = rows(world, lin, wanted=HistoryFilter(since=second.created_at, until=failed.created_at))
    assert [row[0].lstrip("'") for row in later[1:]] == [second.id]
    assert rows(world, "nobody")[1:] == []
    assert first.id in {one.id for one in history.charges(world.services, lin)}


def test_a_long_history_is_read_page_by_page(driven: tuple[World, str, Sequence[ChargingSession]]) -> None:
    world, lin, sessions = driven
    newest_first = [one.id for one in reversed(sessions)]
    for at_once in (1, 2, 3):
        assert [one.id for one in history.charges(world.services, lin, at_once=at_once)] == newest_first
    assert [one.id for one in history.charges(world.services, lin, at_once=1, most=2)] == newest_first[:2]


@pytest.mark.parametrize(
    "cell",
    [
        "=1+1", "+49 171", "-2+3", "@SUM(A1)", "\t=1", "\r=1", "\n=1", " =1", '"=1', "'=1", "＝1", "\u200b=1",
        "\x00=1", "\ufeff=cmd|' /C calc'!A0",
    ],
)  # fmt: skip
def test_nothing_begins_like_a_formula(cell: str) -> None:
    (read,) = next(csv.reader([history.csv_row([cell])]))
    assert read.startswith("'")


@pytest.mark.parametrize("cell", ["Lotus Road", "30.00", "2026-11-23T12:00:00+08:00", "充电站 = 1", ""])
def test_other_cells_stay_as_they_are(cell: str) -> None:
    assert next(csv.reader([history.csv_row([cell, "x"])])) == [cell, "x"]


def test_a_cell_is_one_line_whatever_stands_in_it() -> None:
    line = history.csv_row(['a "quoted", name', "two\r\nlines"])
    assert line == '"a ""quoted"", name",two lines\r\n'


@pytest.mark.parametrize(
    ("text", "last", "moment"),
    [
        ("2026-11-05", False, "2026-11-04T16:00:00+00:00"),
        ("2026-11-05", True, "2026-11-05T16:00:00+00:00"),
        ("2026-11", False, "2026-10-31T16:00:00+00:00"),
        ("2026-11", True, "2026-11-30T16:00:00+00:00"),
        ("2026-12", True, "2026-12-31T16:00:00+00:00"),
        ("2026-02", True, "2026-02-28T16:00:00+00:00"),
        ("2026-11-05T08:00:00Z", True, "2026-11-05T08:00:00+00:00"),
        ("2026-11-05T08:00:00 08:00", False, "2026-11-05T00:00:00+00:00"),
        ("2026-11-05T08:00", False, "2026-11-05T00:00:00+00:00"),
    ],
)
def test_days_months_and_moments(text: str, last: bool, moment: str) -> None:
    at = history.moment("since", text, SHANGHAI, last=last)
    assert at is not None
    assert at.astimezone(UTC) == datetime.fromisoformat(moment)


@pytest.mark.parametrize("text", ["yesterday", "2026-13", "0001-01-01", "9999-12-31", "2026-11-05T", "-1", "2026"])
def test_other_words_are_refused_with_an_example(text: str) -> None:
    with pytest.raises(UserError, match="bad_value") as refused:
        history.moment("since", text, SHANGHAI, last=True)
    assert "2026-11" in str(refused.value.params["choices"])


def test_no_words_ask_for_nothing() -> None:
    assert history.moment("since", "  ", SHANGHAI) is None


def test_the_file_is_named_by_its_day() -> None:
    assert history.file_name(datetime(2026, 11, 5, tzinfo=UTC) + timedelta(hours=1)) == (
        "kilowatch-charges-2026-11-05.csv"
    )
    assert Path(history.file_name(datetime(2026, 11, 5, tzinfo=UTC))).suffix == ".csv"
