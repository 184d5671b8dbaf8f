"""OCPI sessions, charge detail records and answers to commands, in our words."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from decimal import Decimal
from typing import Any

from adapters.checks import RAW_CHARS, Refused
from adapters.ocpi.envelope import dumps
from adapters.ocpi.messages import objects, refs_of
from adapters.text import ID_CHARS, clean, decimal, utc
from core.charging import ChargeRecord, ChargingState, CommandReply, Outcome, RecordPeriod, SessionUpdate
from core.station import ConnectorRef

STATES = {
    "ACTIVE": ChargingState.CHARGING,
    "PENDING": ChargingState.STARTING,
    "RESERVATION": ChargingState.STARTING,
    "COMPLETED": ChargingState.ENDED,
    "INVALID": ChargingState.INVALID,
}
# The partner's answer to our POST. It says that the command was understood, not that anything charges.
_RESPONSES = {
    "ACCEPTED": CommandReply(Outcome.ACCEPTED),
    "REJECTED": CommandReply(Outcome.REJECTED, "other"),
    "NOT_SUPPORTED": CommandReply(Outcome.REJECTED, "other"),
    "UNKNOWN_SESSION": CommandReply(Outcome.REJECTED, "no_such_session"),
}
# The gun's own answer, which comes later. After TIMEOUT and FAILED a session was seen to start all the same.
_RESULTS = {
    "ACCEPTED": CommandReply(Outcome.ACCEPTED),
    "EVSE_OCCUPIED": CommandReply(Outcome.REJECTED, "gun_busy"),
    "EVSE_INOPERATIVE": CommandReply(Outcome.REJECTED, "gun_fault"),
    "REJECTED": CommandReply(Outcome.REJECTED, "other"),
    "NOT_SUPPORTED": CommandReply(Outcome.REJECTED, "other"),
    "UNKNOWN_RESERVATION": CommandReply(Outcome.REJECTED, "other"),
    "CANCELED_RESERVATION": CommandReply(Outcome.REJECTED, "other"),
}


def reply_of(word: str, detail: str, *, is_final: bool) -> CommandReply:
    """What a word of the partner's means. One we do not know, and none at all, is UNKNOWN."""
    reply = (_RESULTS if is_final else _RESPONSES).get(word, CommandReply(Outcome.UNKNOWN))
    if reply.outcome is Outcome.UNKNOWN and word in _RESULTS:
        reply = _RESULTS[word]  # a partner that knows at once says it at once; 2.1.1 has one set of words for both
    return replace(reply, detail=detail or ("" if reply.outcome is Outcome.ACCEPTED else word))


def marks_of(thing: Mapping[str, Any]) -> list[str]:
    """Where our number of the start may stand in a session or a record, the surest first."""
    token = thing.get("cdr_token")
    uid = token.get("uid") if isinstance(token, Mapping) else None
    # 2.1.1 refers to the token by its `auth_id`.
    found = [thing.get("authorization_reference"), uid, thing.get("auth_id")]
    return [text for one in found if (text := clean(one, ID_CHARS))]


def gun_of(
    location: Mapping[str, Any] | None,
    external_id: str,
    party: str,
    evse_uid: str,
    connector_id: str,
    evse_id: str = "",
) -> ConnectorRef:
    """The gun a session is at; `location` is what we hold of the place, if we do."""
    for evse in objects((location or {}).get("evses")):
        if clean(evse.get("uid"), ID_CHARS).upper() == evse_uid.upper():
            try:
                refs = refs_of(evse, external_id, party)
            except Refused:
                break
            for plug, ref in refs:
                if len(refs) == 1 or clean(plug.get("id"), 40).upper() == connector_id.upper():
                    return ref
    return ConnectorRef(party, evse_id or f"{external_id}:{evse_uid}")


def read_session(thing: Mapping[str, Any], start_seq: str, ref: ConnectorRef, now: datetime) -> SessionUpdate:
    """As of when we heard it: the partner's clock orders its own words, but not beside what its guns answered us."""
    currency = clean(thing.get("currency"), 3).upper()
    return SessionUpdate(
        start_seq=start_seq,
        ref=ref,
        state=STATES.get(clean(thing.get("status"), 20).upper(), ChargingState.UNKNOWN),
        at=now,
        supplier_session_id=clean(thing.get("id"), ID_CHARS),
        started_at=utc(thing.get("start_date_time") or thing.get("start_datetime")),
        energy_kwh=decimal(thing.get("kwh")),
        power_kw=_last_volume(thing, "POWER"),
        soc_percent=_last_volume(thing, "STATE_OF_CHARGE"),
        cost=gross_of(thing.get("total_cost")),
        currency=currency,
    )


def read_record(thing: Mapping[str, Any], start_seq: str, ref: ConnectorRef) -> ChargeRecord:
    """Raises Refused for a record that money cannot be moved by."""
    started = utc(thing.get("start_date_time"))
    ended = utc(thing.get("end_date_time") or thing.get("stop_date_time"))
    energy, cost = decimal(thing.get("total_energy")), total_of(thing.get("total_cost"))
    missing = [
        name
        for name, value in (("start", started), ("end", ended), ("total_energy", energy), ("total_cost", cost))
        if value is None
    ]
    if started is None or ended is None or energy is None or cost is None:
        raise Refused("unreadable", f"no readable {', '.join(missing)}")
    if ended < started or energy < 0:
        raise Refused("unreadable", f"from {started} to {ended}, {energy} kWh")
    return ChargeRecord(
        record_id=clean(thing.get("id"), ID_CHARS),
        start_seq=start_seq,
        ref=ref,
        started_at=started,
        ended_at=ended,
        energy_kwh=energy,
        total_cost=cost,
        currency=clean(thing.get("currency"), 3).upper(),
        energy_cost=gross_of(thing.get("total_energy_cost")),
        credit_of=clean(thing.get("credit_reference_id"), ID_CHARS) if thing.get("credit") is True else "",
        periods=tuple(_periods(thing.get("charging_periods"), ended)),
        raw=dumps(dict(thing))[:RAW_CHARS],
    )


def gross_of(price: Any) -> Decimal | None:
    """A price with tax: 2.2.1 has `incl_vat`, 2.3.0 a list of taxes, 2.1.1 only the price without, which is none."""
    if not isinstance(price, Mapping):
        return None
    if (gross := decimal(price.get("incl_vat"))) is not None:
        return gross
    net, taxes = decimal(price.get("before_taxes")), price.get("taxes")
    if net is None or not isinstance(taxes, list):
        return None
    amounts = [decimal(one.get("amount")) if isinstance(one, Mapping) else None for one in taxes]
    known = [one for one in amounts if one is not None]
    return net + sum(known) if len(known) == len(amounts) else None


def total_of(price: Any) -> Decimal | None:
    """What a record says is to be paid; without any tax in it, that is the price as it stands."""
    if (gross := gross_of(price)) is not None:
        return gross
    if isinstance(price, Mapping):
        net = decimal(price.get("excl_vat"))
        return net if net is not None else decimal(price.get("before_taxes"))
    return decimal(price)


def _periods(value: Any, ended: datetime) -> Iterator[RecordPeriod]:
    listed: Sequence[Any] = value if isinstance(value, list) else []
    starts = [utc(one.get("start_date_time")) if isinstance(one, Mapping) else None for one in listed]
    for number, one in enumerate(listed):
        start, end = starts[number], starts[number + 1] if number + 1 < len(starts) else ended
        energy = _volume(one, "ENERGY")
        if start is not None and end is not None and energy is not None and start <= end:
            yield RecordPeriod(start, end, energy)


def _last_volume(thing: Mapping[str, Any], kind: str) -> Decimal | None:
    periods = thing.get("charging_periods")
    for one in reversed(periods if isinstance(periods, list) else []):
        if (volume := _volume(one, kind)) is not None:
            return volume
    return None


def _volume(period: Any, kind: str) -> Decimal | None:
    dimensions = period.get("dimensions") if isinstance(period, Mapping) else None
    for one in dimensions if isinstance(dimensions, list) else []:
        if isinstance(one, Mapping) and one.get("type") == kind:
            return decimal(one.get("volume"))
    return None
