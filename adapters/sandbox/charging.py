"""Charges at the sandbox's guns: started and stopped by the customer, moved on by time, pushed as they go."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any, Protocol

from adapters.sandbox import wording
from adapters.sandbox.charge import Charge, Stage, StopReason
from adapters.sandbox.faults import ChargingFault, ChargingFaults
from adapters.sandbox.life import CHINA, Bay, GunState, Status
from adapters.sandbox.operator import Operator

log = logging.getLogger(__name__)

Message = Mapping[str, Any]

START_TAKES, STOP_TAKES = timedelta(seconds=2), timedelta(seconds=1)
# FailReason of a start: the standard's own, then this operator's.
NO_SUCH_GUN, GUN_OFFLINE, GUN_FAULT, GUN_BUSY, NOT_PLUGGED_IN, OTHER_GUN = 1, 2, 3, 4, 5, 6
NO_SUCH_CHARGE, ALREADY_ENDED = 1, 3
# FailReason of query_equip_auth: the standard's own two, then this operator's.
AUTH_NOT_PLUGGED_IN, AUTH_SELF_CHECK, AUTH_NO_SUCH_GUN, AUTH_OFFLINE = 1, 2, 3, 4
_REFUSED_BY_STATE = {
    Status.OFFLINE: GUN_OFFLINE,
    Status.FAULT: GUN_FAULT,
    Status.CHARGING: GUN_BUSY,
    Status.RESERVED: GUN_BUSY,
}
_USUAL_KWH = Decimal(30)
_SHARE_OF_RATING = Decimal("0.62")
_CHARGING = GunState(Status.CHARGING, Bay.TAKEN)
_PLUGGED_IN = GunState(Status.OCCUPIED, Bay.TAKEN)
_STANDS_FOR = timedelta(seconds=60)


@dataclass(slots=True)
class Habits:
    """Levers: how often the live state is pushed, and what the next cars want."""

    push_every_s: float = 50.0
    wanted_kwh: Decimal = _USUAL_KWH
    power_kw: Decimal | None = None  # None: by the gun


class Sends(Protocol):
    def send(self, interface: str, message: Message, gun_id: str, *, delay_s: float = 0.0) -> None: ...


class Charging:
    """Safe from many threads. `tick` moves every charge on; it may come as often or as seldom as one likes."""

    def __init__(self, operator: Operator, faults: ChargingFaults, pushes: Sends) -> None:
        self.operator, self.faults, self.habits = operator, faults, Habits()
        self._pushes = pushes
        self._lock = threading.RLock()
        self._charges: dict[str, Charge] = {one.start_seq: one for one in operator.books.live_charges()}
        self._pushed_at: dict[str, datetime] = {}
        self._leaving: dict[str, datetime] = {}
        self._today = _day(operator.now())
        for charge in self._charges.values():
            self.operator.occupy(charge.gun_id, _CHARGING, None)

    # --- what the customer asks -----------------------------------------------------------------------------

    def check(self, gun_id: str) -> int:
        """FailReason of query_equip_auth, 0 where the gun may be started; whether it is in use is not asked."""
        if gun_id not in self.operator.city.gun_of:
            return AUTH_NO_SUCH_GUN
        state = self.operator.state(gun_id)
        unplugged = state.status is Status.FREE and state.bay is Bay.TAKEN
        if unplugged or self.faults.has(ChargingFault.AUTH_UNPLUGGED, gun_id):
            return AUTH_NOT_PLUGGED_IN
        if state.status is Status.FAULT or self.faults.has(ChargingFault.AUTH_GUN_FAULT, gun_id):
            return AUTH_SELF_CHECK
        return AUTH_OFFLINE if state.status is Status.OFFLINE else 0

    def start(self, start_seq: str, gun_id: str) -> tuple[Stage, int]:
        """Where the charge stands, and the FailReason. The same number again starts nothing."""
        self.tick()
        with self._lock:
            known = self._find(start_seq)
            if known is not None:
                return known.stage, 0 if known.gun_id == gun_id else OTHER_GUN
            reason = self._refusal(gun_id)
            if reason:
                return Stage.ENDED, reason
            charge = self._new(start_seq, gun_id)
            self._charges[start_seq] = charge
            self._occupy(gun_id, _CHARGING, None)
            self.operator.books.write_charge(charge, charge.asked_at)
            return charge.stage, 0

    def stop(self, start_seq: str) -> tuple[Stage, int]:
        self.tick()
        with self._lock:
            charge = self._find(start_seq)
            if charge is None:
                return Stage.ENDED, NO_SUCH_CHARGE
            if not charge.live:
                return charge.stage, ALREADY_ENDED
            refused = self.faults.number(ChargingFault.STOP_REFUSED, charge.gun_id, "fail_reason", "2")
            if refused is not None:
                return charge.stage, int(refused)
            if charge.stop_asked_at is None:
                charge.stop_asked_at, charge.stage = self.operator.now(), Stage.STOPPING
                self.operator.books.write_charge(charge, charge.stop_asked_at)
            return charge.stage, 0

    def state(self, start_seq: str) -> Message | None:
        """The live state as a message; None for a number that is not known."""
        self.tick()
        with self._lock:
            charge = self._find(start_seq)
            return wording.charge_status(charge, self.operator.now()) if charge else None

    def send_check(self, day: str) -> int:
        """Push the daily check of a day (yyyy-MM-dd, China's), if there is anything to check; returns how many."""
        records = self.operator.books.records_of(day)
        if records:
            self._pushes.send("check_charge_orders", wording.check(day, records), "")
        return len(records)

    # --- what time does -------------------------------------------------------------------------------------

    def tick(self) -> None:
        now = self.operator.now()
        with self._lock:
            for charge in list(self._charges.values()):
                self._move(charge, now)
                if not charge.live:  # the books know it from here on
                    del self._charges[charge.start_seq]
                    self._pushed_at.pop(charge.start_seq, None)
            for gun_id in [one for one, leaves_at in self._leaving.items() if now >= leaves_at]:
                del self._leaving[gun_id]
                self._push_gun(gun_id)
            yesterday, self._today = self._today, _day(now)
            if yesterday < self._today:
                self.send_check(yesterday)

    def _move(self, charge: Charge, now: datetime) -> None:
        if charge.started_at is None and not charge.never_starts and now >= charge.asked_at + START_TAKES:
            self._begin(charge, charge.asked_at + START_TAKES)
        if charge.live and self.operator.is_broken(charge.gun_id):
            self._end(charge, now, StopReason.FAULT)
        full_at = charge.full_at
        if charge.live and full_at is not None and now >= full_at and not _before(charge.stop_asked_at, full_at):
            broken = charge.breaks_at_kwh is not None and charge.breaks_at_kwh < charge.wanted_kwh
            self._end(charge, full_at, StopReason.FAULT if broken else StopReason.VEHICLE)
        if charge.live and charge.stop_asked_at and now >= charge.stop_asked_at + STOP_TAKES:
            self._end(charge, charge.stop_asked_at + STOP_TAKES, StopReason.PLATFORM)
        if charge.stage is Stage.CHARGING:
            self._push_state(charge, now)

    def _begin(self, charge: Charge, at: datetime) -> None:
        if self.faults.has(ChargingFault.START_FAILS, charge.gun_id):
            charge.stage, charge.ended_at = Stage.ENDED, at
            self._occupy(charge.gun_id, _PLUGGED_IN, at + _STANDS_FOR)
        else:
            charge.started_at = at
            charge.stage = Stage.STOPPING if charge.stop_asked_at else Stage.CHARGING
        self.operator.books.write_charge(charge, at)
        self._pushes.send("notification_start_charge_result", wording.start_result(charge), charge.gun_id)
        self._pushed_at[charge.start_seq] = at

    def _push_state(self, charge: Charge, now: datetime) -> None:
        last = self._pushed_at.setdefault(charge.start_seq, charge.asked_at)
        if now - last >= timedelta(seconds=self.habits.push_every_s):
            self._pushed_at[charge.start_seq] = now
            self.operator.books.write_meter(charge.start_seq, now, charge.energy_kwh(now))
            status = wording.charge_status(charge, now)
            self._pushes.send("notification_equip_charge_status", status, charge.gun_id)

    def _end(self, charge: Charge, at: datetime, reason: StopReason) -> None:
        charge.stage, charge.ended_at, charge.stop_reason = Stage.ENDED, at, reason
        self._occupy(charge.gun_id, _PLUGGED_IN, at + _STANDS_FOR)
        self.operator.books.write_meter(charge.start_seq, at, charge.energy_kwh(at))
        self.operator.books.write_charge(charge, at)
        gun_id = charge.gun_id
        self._pushes.send("notification_stop_charge_result", wording.stop_result(charge), gun_id)
        if charge.started_at is None:
            return
        record = wording.record(charge)
        if self.faults.has(ChargingFault.WRONG_TOTALS, gun_id):
            record = record | {"TotalMoney": record["TotalMoney"] + 10}
        self.operator.books.write_record(charge, record)
        self._send_record(record, gun_id)

    def _send_record(self, record: dict[str, Any], gun_id: str) -> None:
        if self.faults.has(ChargingFault.RECORD_NEVER, gun_id):
            return
        delay_s = float(self.faults.number(ChargingFault.RECORD_LATE, gun_id, "delay_s", "5") or 0)
        self._pushes.send("notification_charge_order_info", record, gun_id, delay_s=delay_s)
        if self.faults.has(ChargingFault.RECORD_TWICE, gun_id):
            self._pushes.send("notification_charge_order_info", record, gun_id, delay_s=delay_s)
        if self.faults.has(ChargingFault.RECORD_DIFFERENT, gun_id):
            dearer = record | {
                "TotalMoney": record["TotalMoney"] + 5,
                "TotalSeviceMoney": record["TotalSeviceMoney"] + 5,
            }
            self._pushes.send("notification_charge_order_info", dearer, gun_id, delay_s=delay_s)

    def _occupy(self, gun_id: str, state: GunState, until: datetime | None) -> None:
        self.operator.occupy(gun_id, state, until)
        if until is not None:
            self._leaving[gun_id] = until
        self._push_gun(gun_id)

    def _push_gun(self, gun_id: str) -> None:
        self._pushes.send(
            "notification_stationStatus", wording.gun_status(gun_id, self.operator.state(gun_id)), gun_id
        )

    # --- parts ----------------------------------------------------------------------------------------------

    def _find(self, start_seq: str) -> Charge | None:
        return self._charges.get(start_seq) or self.operator.books.charge(start_seq)

    def _refusal(self, gun_id: str) -> int:
        if gun_id not in self.operator.city.gun_of:
            return NO_SUCH_GUN
        wished = self.faults.number(ChargingFault.START_REFUSED, gun_id, "fail_reason", "9")
        if wished is not None:
            return int(wished)
        state = self.operator.state(gun_id)
        if state.status is Status.FREE and state.bay is Bay.TAKEN:
            return NOT_PLUGGED_IN
        return _REFUSED_BY_STATE.get(state.status, 0)

    def _new(self, start_seq: str, gun_id: str) -> Charge:
        place, gun = self.operator.city.gun_of[gun_id]
        usual = gun.power_kw * _SHARE_OF_RATING if gun.is_dc else gun.power_kw
        power_kw = min(self.habits.power_kw or usual, gun.power_kw)
        return Charge(
            start_seq=start_seq,
            gun_id=gun_id,
            asked_at=self.operator.now().replace(microsecond=0),
            power_kw=Decimal(0) if self.faults.has(ChargingFault.ZERO_ENERGY, gun_id) else power_kw,
            wanted_kwh=self.habits.wanted_kwh,
            breaks_at_kwh=self.faults.number(ChargingFault.GUN_BREAKS, gun_id, "after_kwh", "1"),
            never_starts=self.faults.has(ChargingFault.START_NEVER, gun_id),
            prices=self.operator.prices(place, gun),
        )


def _day(at: datetime) -> str:
    return at.astimezone(CHINA).strftime("%Y-%m-%d")


def _before(one: datetime | None, other: datetime) -> bool:
    return one is not None and one + STOP_TAKES < other


class Ticker(threading.Thread):
    """Moves the charges on, for as long as the process lives."""

    def __init__(self, tick: Callable[[], None], every_s: float) -> None:
        super().__init__(name="ticker", daemon=True)
        self._tick, self._every_s, self._stopped = tick, every_s, threading.Event()

    def run(self) -> None:
        while not self._stopped.wait(self._every_s):
            try:
                self._tick()
            except Exception:
                log.exception("the charges could not be moved on")

    def stop(self) -> None:
        self._stopped.set()
