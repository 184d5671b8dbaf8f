"""From a gun's code to an offer: identified, checked by the shield, priced. No money moves here.

Every scan is kept with what was said of it, accepted or not. What the driver is asked on the way (which gun, which
station, the last characters on it) is answered to the scan, so that a tap that comes twice or a week late changes
nothing.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

from core.errors import Conflict, NotAllowed, NotFound, TooMany, UserError
from core.geo import Point
from core.guncode import GunCode
from core.money import Money
from core.ports import Case, CaseKind, Clock, Database, UnitOfWork
from core.ranking import charge_minutes
from core.scan import LAST_FOUR_TRIES, SCAN_GOOD_FOR, TEXT_KEPT, Choice, Scan, ScanSource, ScanState
from core.services.alternatives import Alternative, alternatives
from core.services.charging import ChargingService
from core.services.charging.metering import tariff_of
from core.services.scanning import Decision, Resolved, ScanningService, last_four_question
from core.services.wallet import WalletService
from core.services.whereabouts import Whereabouts
from core.session import FrozenQuote
from core.shield import DriverPosition, FoundGun, LastScan, Ruling, Verdict, last_four_fit
from core.station import ConnectorRef
from core.tariff import IdleFee, PriceChange, idle_fee, next_change

# Tries and velocity: somebody who guesses numbers, or a script. A driver at a broken sticker scans a few times.
SCANS_AT_MOST, SCANS_WITHIN = 30, timedelta(hours=1)
REFUSED_AT_MOST, REFUSED_WITHIN = 10, timedelta(minutes=15)
TRIES_AT_MOST, TRIES_WITHIN = 9, timedelta(hours=1)
REPORT_WORDS_MAX = 500
PHOTO_MOST_BYTES = 8_000_000
# Photos are kept for long: nobody fills the disk with them.
PHOTOS_AT_MOST, PHOTOS_WITHIN = 5, timedelta(days=1)
# Each is a case, among those about money: nobody buries them.
REPORTS_AT_MOST, REPORTS_WITHIN = 10, timedelta(days=1)

_STATES = {
    Verdict.PASS: ScanState.PASSED,
    Verdict.ASK_STATION: ScanState.ASK_STATION,
    Verdict.ASK_LAST_FOUR: ScanState.ASK_LAST_FOUR,
    Verdict.REFUSE: ScanState.REFUSED,
}
_VERDICTS = {state: verdict for verdict, state in _STATES.items()}
_QUESTIONS = {
    ScanState.WHICH_GUN: "scan_which_gun",
    ScanState.ASK_STATION: "scan_ask_station",
}


@dataclass(frozen=True, slots=True)
class Identified:
    """A scan with the gun it names, as far as there is one. `problem` is what to say; None once it passed.

    `choices` are there in WHICH_GUN alone, each with its number for `GunService.choose`.
    """

    scan: Scan
    code: GunCode
    ruling: Ruling
    gun: FoundGun | None
    choices: tuple[tuple[int, FoundGun], ...] = ()
    problem: UserError | None = None


@dataclass(frozen=True, slots=True)
class ChargeOffer:
    """What the driver says yes to: the gun, its price with parts, what would be held, what is missing for that.

    `idle` is what standing there costs when the charge that is asked for has ended; None where it costs nothing.
    """

    scan: Scan
    gun: FoundGun
    quote: FrozenQuote
    next_change: PriceChange | None
    available: Money
    missing: Money | None
    idle: IdleFee | None = None


class GunService:
    """`charging` makes the quotes, `wallet` knows what is there to hold."""

    def __init__(
        self,
        database: Database,
        clock: Clock,
        scanning: ScanningService,
        charging: ChargingService,
        wallet: WalletService,
        whereabouts: Whereabouts,
    ) -> None:
        self.database, self.clock, self.scanning = database, clock, scanning
        self.charging, self.wallet, self.whereabouts = charging, wallet, whereabouts

    # --- which gun is it --------------------------------------------------------------------------------------

    def identify(
        self,
        user_id: str,
        text: str,
        source: ScanSource,
        *,
        position: DriverPosition | None = None,
        photo_ref: str = "",
    ) -> Identified:
        """What a text leads to, kept as a scan. Without a `position` the driver's last known one counts.

        Raises TooMany("too_many_scans").
        """
        at, position = self.clock.now(), position or self.whereabouts.of(user_id)
        # What no database takes, a code of ours never holds.
        text = text.replace("\x00", "").encode(errors="replace").decode()
        with self.database.read() as unit:
            people = unit.people.same_person(user_id)
            _check_velocity(unit, people, at)
            last = _last_scan(unit, people)
        resolved = self.scanning.resolve(text, position.point if position else None)
        decision = self.scanning.decide(resolved, position, last)
        scan = Scan(
            id=secrets.token_urlsafe(9),
            user_id=user_id,
            at=at,
            source=source,
            text=resolved.code.text[:TEXT_KEPT],
            state=ScanState.REFUSED,
            photo_ref=photo_ref,
        )
        told = _told(scan, resolved, decision, at)
        with self.database.write() as unit:
            unit.scans.add(told.scan)
        return told

    def scan(self, user_id: str, scan_id: str) -> Identified:
        """A scan of this person as it stands. Raises NotFound("no_such_scan")."""
        with self.database.read() as unit:
            scan = _mine(unit, user_id, scan_id)
        return self._again(scan)

    def choose(self, user_id: str, scan_id: str, number: int) -> Identified:
        """The driver says which of the guns it is; `number` counts from 0. Choosing the same twice is choosing once.

        Raises NotFound ("no_such_scan", "no_such_gun"), Conflict("scan_too_old").
        """
        at, position = self.clock.now(), self.whereabouts.of(user_id)
        with self.database.read() as unit:
            scan = _mine(unit, user_id, scan_id)
            last = _last_scan(unit, unit.people.same_person(user_id))
        if not 0 <= number < len(scan.choices):
            raise NotFound("no_such_gun")
        choice = scan.choices[number]
        if scan.state is not ScanState.WHICH_GUN:
            if scan.ref == choice.ref:
                return self._again(scan)
            raise Conflict("scan_answered")
        _check_age(scan, at)
        resolved = self._resolved(scan, choice, position)
        told = _told(scan, resolved, self.scanning.decide(resolved, position, last), at)
        return self._kept(told, {ScanState.WHICH_GUN})

    def at_station(self, user_id: str, scan_id: str) -> Identified:
        """The driver says "yes, I am at this station". Raises NotFound("no_such_scan"), Conflict."""
        with self.database.read() as unit:
            scan = _mine(unit, user_id, scan_id)
        at = self.clock.now()
        if scan.state is ScanState.ASK_STATION:
            _check_age(scan, at)
            scan = self._moved(replace(scan, state=ScanState.PASSED, passed_at=at, problem=""), {scan.state})
        elif scan.state is not ScanState.PASSED:
            raise Conflict("scan_answered")
        return self._again(scan)

    def last_four(self, user_id: str, scan_id: str, typed: str) -> Identified:
        """The last four characters on the gun. The third wrong answer refuses the scan.

        Raises NotFound("no_such_scan"), Conflict("scan_answered", "scan_too_old", "scan_ask_position"),
        UserError("wrong_last_four"), TooMany("too_many_scans").
        """
        at, told = self.clock.now(), self.scan(user_id, scan_id)
        fits = told.gun is not None and last_four_fit(typed, told.code, told.gun.connector)
        with self.database.write() as unit:
            people = unit.people.same_person(user_id)
            for one in sorted(people):  # guesses that arrive together are looked at one after the other
                unit.users.get(one)
            scan = _mine(unit, user_id, scan_id)
            if scan.state is ScanState.ASK_LAST_FOUR:
                _check_age(scan, at)
                if unit.scans.tries(people, at - TRIES_WITHIN) >= TRIES_AT_MOST:
                    raise TooMany("too_many_scans", retry_after_s=int(TRIES_WITHIN.total_seconds()))
                if told.gun is None:
                    raise NotFound("no_such_gun")
                if told.problem is not None and told.problem.code == "scan_ask_position":
                    raise told.problem  # nothing that is typed can fit: no try is counted
                unit.scans.save(_guessed(scan, at, fits=fits))
            elif scan.state is not ScanState.PASSED:
                raise Conflict("scan_answered")
        if fits or scan.state is ScanState.PASSED:
            return self.scan(user_id, scan_id)
        left = LAST_FOUR_TRIES - scan.tries - 1
        if left <= 0:
            raise Conflict("scan_wrong_number")
        raise UserError("wrong_last_four", left=left)

    def waiting_for_last_four(self, user_id: str) -> Scan | None:
        """The scan whose last four characters this person was asked for just now: what they type is the answer."""
        at = self.clock.now()
        with self.database.read() as unit:
            scan = unit.scans.newest(unit.people.same_person(user_id))
        return scan if scan and scan.state is ScanState.ASK_LAST_FOUR and _is_young(scan, at) else None

    # --- what would it cost -----------------------------------------------------------------------------------

    def offer(self, user_id: str, scan_id: str, energy_kwh: Decimal) -> ChargeOffer:
        """A quote for the gun of a scan that passed, frozen for five minutes, with what else must be known before.

        Raises what ChargingService.quote raises, NotFound("no_such_scan"), Conflict("scan_too_old", "scan_open").
        """
        at = self.clock.now()
        with self.database.read() as unit:
            scan = _mine(unit, user_id, scan_id)
        if scan.state is not ScanState.PASSED or scan.ref is None:
            raise Conflict("scan_open")
        if not scan.good_at(at):
            raise Conflict("scan_too_old")
        told = self._again(scan)
        if told.gun is None:
            raise NotFound("no_such_gun")
        quote = self.charging.quote(
            user_id, scan.ref, energy_kwh, station_id=scan.station_id, code_rest=told.code.rest
        )
        scan = self._moved(replace(scan, quote_id=quote.id), {ScanState.PASSED})
        available = self._available(user_id, quote.hold.currency)
        missing = quote.hold - available if available < quote.hold else None
        tariff, zone = tariff_of(quote.tariff), ZoneInfo(told.gun.station.time_zone)
        full_at = at + timedelta(minutes=float(charge_minutes(told.gun.connector, energy_kwh)))
        idle = idle_fee(tariff, full_at.astimezone(zone), kwh=energy_kwh)
        change = next_change(tariff, at.astimezone(zone))
        return ChargeOffer(scan, told.gun, quote, change, available, missing, idle)

    def _available(self, user_id: str, currency: str) -> Money:
        wallets = self.wallet.wallets(user_id)
        return next((one.available for one in wallets if one.available.currency == currency), Money(0, currency))

    def alternatives(self, station_id: str, ref: ConnectorRef, limit: int = 3) -> list[Alternative]:
        """Where else a gun with the same plug is free within 5 km of this one, nearest first; none is no error.

        The first of them is the one that the message about a failed start names.
        """
        with self.database.read() as unit:
            return alternatives(unit, station_id, ref, self.clock.now(), limit)

    # --- this is a fake ---------------------------------------------------------------------------------------

    def report(self, user_id: str, scan_id: str, words: str = "", photo: bytes | None = None) -> Case:
        """The driver says that something is wrong with this code: evidence is kept, one of us looks. Once each.

        Raises NotFound("no_such_scan"), TooMany("too_many_scans").
        """
        at = self.clock.now()
        said = " ".join(words.split())[:REPORT_WORDS_MAX]
        with self.database.write() as unit:
            scan = unit.scans.get(scan_id)
            people = unit.people.same_person(user_id)
            if scan is None or scan.user_id not in people:
                raise NotFound("no_such_scan")
            if scan.reported_at is None and unit.scans.reports(people, at - REPORTS_WITHIN) >= REPORTS_AT_MOST:
                raise TooMany("too_many_scans", retry_after_s=int(REPORTS_WITHIN.total_seconds()))
            unit.scans.save(replace(scan, reported_at=scan.reported_at or at, report=said or scan.report))
            sent = unit.scans.photos(people, at - PHOTOS_WITHIN) if photo else 0
            if photo and len(photo) <= PHOTO_MOST_BYTES and sent < PHOTOS_AT_MOST:
                unit.scans.keep_photo(scan.id, photo, at)
            if known := unit.cases.about(CaseKind.STICKER, scan.id):
                return known[0]  # decided or not
            where = scan.station_id or "no station"
            detail = f"{scan.state} ({', '.join(scan.reasons) or 'nothing against it'}) at {where}: {scan.text}"
            return unit.cases.open(
                Case(f"C{secrets.token_hex(6)}", CaseKind.STICKER, scan.id, "", user_id, detail[:1000], at)
            )

    # --- within -----------------------------------------------------------------------------------------------

    def _resolved(self, scan: Scan, choice: Choice, position: DriverPosition | None) -> Resolved:
        """The scan's text once more, for the gun that was chosen. Labels mean a gun around the driver."""
        near = position.point if position else None
        for point in (near, self._place_of(choice)):
            resolved = self.scanning.resolve(scan.text, point)
            try:
                return resolved.choose(choice.ref, choice.station_id)
            except NotFound:
                continue
        raise NotFound("no_such_gun")

    def _place_of(self, choice: Choice) -> Point | None:
        with self.database.read() as unit:
            station = next(iter(unit.catalogue.stations([choice.station_id])), None)
        return station.point if station else None

    def _again(self, scan: Scan) -> Identified:
        """What is known of a scan that was decided before: nothing is judged again, and no position was kept."""
        code = self.scanning.read(scan.text)
        wanted = [scan.station_id] if scan.station_id else [one.station_id for one in scan.choices]
        found = {(one.connector.ref, one.station.id): one for one in self.scanning.guns_at(wanted)}
        gun = found.get((scan.ref, scan.station_id)) if scan.ref else None
        choices = tuple(
            (number, found[one.ref, one.station_id])
            for number, one in enumerate(scan.choices)
            if scan.state is ScanState.WHICH_GUN and (one.ref, one.station_id) in found
        )
        where = gun or (choices[0][1] if choices else None)
        ruling = Ruling(_VERDICTS.get(scan.state, Verdict.REFUSE), scan.reasons)
        return Identified(scan, code, ruling, gun, choices, _asked(scan, code, where))

    def _kept(self, told: Identified, before: set[ScanState]) -> Identified:
        scan = self._moved(told.scan, before)
        return told if scan == told.scan else self._again(scan)  # another tap was first, maybe with another gun

    def _moved(self, scan: Scan, before: set[ScanState]) -> Scan:
        """Save what became of it, unless another tap was first: then what that one made of it."""
        with self.database.write() as unit:
            current = unit.scans.get(scan.id)
            if current is None:
                raise NotFound("no_such_scan")
            if current.state not in before:
                return current
            # A report may have come while we looked: what it says stays.
            scan = replace(scan, tries=current.tries, reported_at=current.reported_at, report=current.report)
            unit.scans.save(scan)
        return scan


def _told(scan: Scan, resolved: Resolved, decision: Decision, at: datetime) -> Identified:
    """What was decided, as the scan that is kept and as what the driver is told."""
    ruling, gun, problem = decision.ruling, decision.gun, decision.problem
    state = ScanState.WHICH_GUN if decision.choices else _STATES[ruling.verdict]
    decided = replace(
        scan,
        state=state,
        reasons=ruling.reasons,
        problem=problem.code if problem else "",
        ref=gun.connector.ref if gun else None,
        station_id=gun.station.id if gun else "",
        supplier_id=gun.station.supplier_id if gun else "",
        choices=tuple(Choice(one.connector.ref, one.station.id) for one in decision.choices) or scan.choices,
        passed_at=at if state is ScanState.PASSED else None,
    )
    return Identified(decided, resolved.code, ruling, gun, tuple(enumerate(decision.choices)), problem)


def _guessed(scan: Scan, at: datetime, *, fits: bool) -> Scan:
    """What an answer to "the last four characters?" makes of a scan. The last wrong one refuses it."""
    if fits:
        return replace(scan, state=ScanState.PASSED, passed_at=at, problem="")
    wrong = replace(scan, tries=scan.tries + 1)
    if wrong.tries < LAST_FOUR_TRIES:
        return wrong
    return replace(wrong, state=ScanState.REFUSED, problem="scan_wrong_number")


def _asked(scan: Scan, code: GunCode, where: FoundGun | None) -> UserError | None:
    """What the driver is asked by a scan, when it is shown again."""
    match scan.state:
        case ScanState.PASSED:
            return None
        case ScanState.REFUSED:
            return NotAllowed("scan_was_refused")
        case ScanState.ASK_LAST_FOUR:
            question = last_four_question(code, where)
        case _:
            question = _QUESTIONS[scan.state]
    return Conflict(question, station=where.station.name if where else "")


def _mine(unit: UnitOfWork, user_id: str, scan_id: str) -> Scan:
    scan = unit.scans.get(scan_id)
    if scan is None or scan.user_id not in unit.people.same_person(user_id):
        raise NotFound("no_such_scan")
    return scan


def _is_young(scan: Scan, at: datetime) -> bool:
    return at - scan.at <= SCAN_GOOD_FOR


def _check_age(scan: Scan, at: datetime) -> None:
    if not _is_young(scan, at):
        raise Conflict("scan_too_old")


def _check_velocity(unit: UnitOfWork, people: list[str], at: datetime) -> None:
    refused = unit.scans.count(people, at - REFUSED_WITHIN, refused=True)
    if refused >= REFUSED_AT_MOST:
        raise TooMany("too_many_scans", retry_after_s=int(REFUSED_WITHIN.total_seconds()))
    if unit.scans.count(people, at - SCANS_WITHIN) >= SCANS_AT_MOST:
        raise TooMany("too_many_scans", retry_after_s=int(SCANS_WITHIN.total_seconds()))


def _last_scan(unit: UnitOfWork, people: list[str]) -> LastScan | None:
    """Where this person was when a scan of theirs was last accepted: at that station."""
    scan = unit.scans.last_passed(people)
    if scan is None:
        return None
    station = next(iter(unit.catalogue.stations([scan.station_id])), None)
    return LastScan(station.point, scan.at) if station else None
