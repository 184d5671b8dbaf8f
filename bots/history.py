"""The charges of a person for their books: which are wanted, and all of them as one file for a spreadsheet.

The same file leaves by every chat and by the page. RFC 4180, in UTF-8 with a byte order mark, because spreadsheets
take a file without one for something older. Names come from others, and a spreadsheet runs what begins like a
formula: such cells begin with an apostrophe.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator
from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from bots import money
from bots.wording import N_, Wording
from core.errors import NotFound, UserError
from core.money import Money
from core.ports import HistoryFilter
from core.services import Services
from core.services.wallet import Receipt
from core.session import ChargingSession

MOST_ROWS = 10_000
ROWS_AT_ONCE = 100
_CELL_MAX = 200
_MARK = "\ufeff"
# What a spreadsheet may take for the beginning of a formula; the wide ones count in Chinese and Japanese editions.
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")
_YEARS = (2000, 2100)
_HEADER = (
    N_("Reference"),
    N_("Started"),
    N_("Ended"),
    N_("Station"),
    N_("Operator"),
    N_("Gun"),
    N_("Energy (kWh)"),
    N_("Quoted"),
    N_("Billed"),
    N_("Paid"),
    N_("Currency"),
    N_("State"),
    N_("Price version"),
    N_("Record"),
)


def charges(
    services: Services,
    user_id: str,
    wanted: HistoryFilter | None = None,
    *,
    at_once: int = ROWS_AT_ONCE,
    most: int = MOST_ROWS,
) -> Iterator[ChargingSession]:
    """All that are wanted, newest first, read as they are asked for."""
    before: datetime | None = None
    while most > 0:
        limit = min(at_once, most)
        page = services.charging.history(user_id, before, limit, wanted)
        yield from page
        if len(page) < limit:
            return
        most, before = most - limit, page[-1].created_at


def receipts(services: Services, user_id: str, wanted: HistoryFilter | None = None) -> Iterator[Receipt]:
    """What each of them cost."""
    for one in charges(services, user_id, wanted):
        try:
            yield services.wallet.receipt(user_id, one.id)
        except NotFound:  # it went while we read
            continue


def csv_rows(say: Wording, found: Iterable[Receipt], time_zone: str) -> Iterator[str]:
    """The file, row by row. Times are the station's with their offset; `time_zone` is for stations that are gone."""
    yield _MARK + csv_row(say(name) for name in _HEADER)
    for one in found:
        yield csv_row(_cells(say, one, time_zone))


def file_name(at: datetime) -> str:
    return f"kilowatch-charges-{at:%Y-%m-%d}.csv"


def moment(name: str, text: str, time_zone: str, *, last: bool = False) -> datetime | None:
    """A day, a month or a moment as a person or a program writes it: 2026-11-05, 2026-11, 2026-11-05T08:00:00Z.

    Days begin where the person is; with `last` it is the end of that day or month. None for "". Raises
    UserError("bad_value").
    """
    text = text.strip()
    if not text:
        return None
    try:
        return _moment(text, time_zone, last=last)
    except (ValueError, OverflowError):
        raise UserError("bad_value", name=name, value=text[:40], choices="2026-11, 2026-11-05") from None


def _moment(text: str, time_zone: str, *, last: bool) -> datetime:
    if "T" in text:
        # In an address a plus sign that was not escaped arrives as a blank.
        at = datetime.fromisoformat(text.replace(" ", "+"))
        at = at if at.tzinfo else at.replace(tzinfo=ZoneInfo(time_zone))
    else:
        month = len(text) == 7
        day = date.fromisoformat(f"{text}-01" if month else text)
        if last:
            # From the first of a month 31 days lead into the next one, whichever it is.
            day = (day + timedelta(days=31)).replace(day=1) if month else day + timedelta(days=1)
        at = datetime.combine(day, time(0), ZoneInfo(time_zone))
    if not _YEARS[0] <= at.year <= _YEARS[1]:
        raise ValueError("no charge of ours was in that year")
    return at


def _cells(say: Wording, one: Receipt, time_zone: str) -> Iterator[str]:
    session, quoted, record = one.session, one.session.quote, one.record
    zone = ZoneInfo(one.time_zone or time_zone)
    began, ended = (record.started_at, record.ended_at) if record else (session.started_at, session.ended_at)
    energy_kwh = record.energy_kwh if record else session.energy_kwh
    yield session.id
    # What never started is dated by the driver's yes.
    yield _moment_cell(began or session.created_at, zone)
    yield _moment_cell(ended, zone)
    yield quoted.station_name
    yield quoted.operator_name
    yield quoted.gun_label or quoted.ref.connector_id
    yield "" if energy_kwh is None else format(energy_kwh.normalize(), "f")
    yield _amount(quoted.expected)
    yield _amount(one.billed)
    yield _amount(None if session.is_live else one.paid)
    yield session.currency
    yield money.state(say, session)
    yield quoted.tariff_id
    yield record.record_id if record else ""


def _amount(amount: Money | None) -> str:
    return "" if amount is None else str(amount.decimal)


def _moment_cell(at: datetime | None, zone: ZoneInfo) -> str:
    return "" if at is None else at.astimezone(zone).isoformat(timespec="seconds")


def csv_row(cells: Iterable[str]) -> str:
    line = io.StringIO(newline="")
    csv.writer(line).writerow([_harmless(cell) for cell in cells])
    return line.getvalue()


def _harmless(cell: str) -> str:
    shown = money.clean(cell, _CELL_MAX)
    # Also behind blanks and quotation marks that a spreadsheet takes away.
    return f"'{shown}" if shown.lstrip(" '\"").startswith(_FORMULA) else shown
