"""What a charge will cost at a gun, frozen and signed, so that the driver's yes is a yes to exactly that.

The hold is what the charge is expected to cost and a quarter more, but no less than three minutes at full power more,
up to the next whole unit of the currency, and at least one. A charge is stopped when nine tenths of its hold are used
or the rest lasts less than three minutes, so that nobody is cut off before the energy that was asked for.
"""

from __future__ import annotations

import hmac
import json
import secrets
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from decimal import ROUND_CEILING, Decimal

from core.errors import Conflict, NotFound, UserError
from core.frozen import quote_to_text
from core.merging import gun_key
from core.money import Money, minor_units
from core.ports import MintsNumbers, StartsCharging, UnitOfWork
from core.ranking import charge_minutes
from core.services.charging.freshening import freshen
from core.services.charging.means import Means
from core.services.charging.metering import HOLD_LASTS_AT_LEAST
from core.session import QUOTE_HOLDS_FOR, FrozenQuote
from core.station import Connector, ConnectorRef, ConnectorStatus, Station
from core.tariff import NotCovered, Quote, Tariff, quote
from core.wishes import LEAST_KWH, MOST_KWH

HOLD_MARGIN = Decimal("1.25")
PRICE_GOOD_FOR = timedelta(minutes=15)
_TAKEN = frozenset({ConnectorStatus.CHARGING, ConnectorStatus.RESERVED})
_OUT_OF_ORDER = frozenset({ConnectorStatus.FAULT, ConnectorStatus.OFFLINE})


@dataclass(frozen=True, slots=True)
class _Offer:
    """A gun of a supplier that can charge, with its price."""

    station: Station
    gun: Connector
    tariff: Tariff
    price: Quote


class Quoting:
    def __init__(self, means: Means) -> None:
        self.means = means

    def quote(
        self, user_id: str, ref: ConnectorRef, energy_kwh: Decimal, station_id: str = "", code_rest: str = ""
    ) -> FrozenQuote:
        """The cheapest offer for this gun, or that of this station. Energy in kWh.

        Raises NotFound("no_such_gun"), UserError ("bad_energy", "cannot_start_here", "gun_out_of_order", "no_price",
        "price_too_old": its supplier was asked for a newer one, and told none), Conflict("gun_busy").
        """
        if not (energy_kwh.is_finite() and LEAST_KWH <= energy_kwh <= MOST_KWH):
            raise UserError("bad_energy", least=LEAST_KWH, most=MOST_KWH)
        try:
            return self._quoted(user_id, ref, energy_kwh, station_id, code_rest)
        except UserError as refusal:
            if refusal.code != "price_too_old":
                raise
        with self.means.database.read() as unit:
            guns = self._guns(unit, ref, station_id)
        freshen(self.means, guns)
        return self._quoted(user_id, ref, energy_kwh, station_id, code_rest)

    def _quoted(
        self, user_id: str, ref: ConnectorRef, energy_kwh: Decimal, station_id: str, code_rest: str
    ) -> FrozenQuote:
        at = self.means.clock.now()
        with self.means.database.write() as unit:
            offer = self._best(self._guns(unit, ref, station_id), unit, energy_kwh, at)
            frozen = replace(_frozen(user_id, offer, energy_kwh, at), code_rest=code_rest)
            unit.sessions.save_quote(frozen, self.signature(frozen))
        return frozen

    def checked(self, unit: UnitOfWork, user_id: str, quote_id: str, at: datetime) -> FrozenQuote:
        """A quote of this person that still holds. Raises NotFound("no_such_quote"), Conflict("quote_expired")."""
        found = unit.sessions.quote(quote_id)
        if found is None or found[0].user_id != user_id:
            raise NotFound("no_such_quote")
        frozen, signature = found
        # What is stored is what was shown: a price that was changed on the way is no price.
        if not hmac.compare_digest(signature, self.signature(frozen)):
            raise NotFound("no_such_quote")
        if at >= frozen.expires_at:
            raise Conflict("quote_expired")
        return frozen

    def signature(self, frozen: FrozenQuote) -> str:
        """HMAC-SHA-256 over the whole document, in hexadecimal digits."""
        return hmac.digest(self.means.key, b"charge quote\n" + quote_to_text(frozen).encode(), "sha256").hex()

    def _guns(self, unit: UnitOfWork, ref: ConnectorRef, station_id: str) -> list[tuple[Station, Connector]]:
        """What is known of the gun, by every supplier that can charge there."""
        ids = [station_id] if station_id else list(self._station_ids(unit, ref))
        found = [
            (station, gun) for station in unit.catalogue.stations(ids) for gun in station.connectors if gun.ref == ref
        ]
        if not found:
            raise NotFound("no_such_gun")
        able = [(station, gun) for station, gun in found if self.means.starter(station.supplier_id)]
        if not able:
            raise UserError("cannot_start_here")
        return able

    def _station_ids(self, unit: UnitOfWork, ref: ConnectorRef) -> Iterator[str]:
        for supplier_id in sorted(self.means.suppliers):
            yield from unit.catalogue.station_ids(supplier_id, [ref])

    def _best(
        self, guns: Sequence[tuple[Station, Connector]], unit: UnitOfWork, energy_kwh: Decimal, at: datetime
    ) -> _Offer:
        offers: list[_Offer] = []
        refusals: list[UserError] = []
        for station, gun in guns:
            try:
                offers.append(_offer(station, gun, unit, energy_kwh, at))
            except UserError as refusal:
                refusals.append(refusal)
        if not offers:
            raise refusals[0]
        # Prices of two currencies cannot be compared: then the first supplier's is taken.
        alike = [one for one in offers if one.tariff.currency == offers[0].tariff.currency]
        return min(alike, key=lambda one: one.price.exact)


def _offer(station: Station, gun: Connector, unit: UnitOfWork, energy_kwh: Decimal, at: datetime) -> _Offer:
    status = gun.status_now(at)
    if status in _TAKEN:
        raise Conflict("gun_busy")
    if status in _OUT_OF_ORDER:
        raise UserError("gun_out_of_order")
    tariff = unit.catalogue.tariffs([gun.tariff_id]).get(gun.tariff_id) if gun.tariff_id else None
    if tariff is None or gun.price_seen_at is None:
        raise UserError("no_price")
    if at - gun.price_seen_at > PRICE_GOOD_FOR:
        raise UserError("price_too_old")
    try:
        price = quote(tariff, kwh=energy_kwh, minutes=charge_minutes(gun, energy_kwh), at=at)
    except NotCovered:
        raise UserError("no_price") from None
    return _Offer(station, gun, tariff, price)


def hold_for(expected: Money, power_kw: Decimal | None, price_per_kwh: Decimal) -> Money:
    """What is held for a charge that is expected to cost this much, at a gun of this power and price."""
    unit = 10 ** minor_units(expected.currency)
    share = Decimal(expected.amount_minor) * HOLD_MARGIN / unit
    minutes = Decimal(HOLD_LASTS_AT_LEAST // timedelta(minutes=1))
    last_minutes = (power_kw or Decimal(0)) * minutes / 60 * price_per_kwh
    whole = max(share, expected.decimal + last_minutes).to_integral_value(ROUND_CEILING)
    return Money(max(int(whole), 1) * unit, expected.currency)


def _frozen(user_id: str, offer: _Offer, energy_kwh: Decimal, at: datetime) -> FrozenQuote:
    station, gun = offer.station, offer.gun
    return FrozenQuote(
        id=secrets.token_urlsafe(12),
        user_id=user_id,
        supplier_id=station.supplier_id,
        station_id=station.id,
        station_name=station.name,
        operator_name=station.operator_name,
        ref=gun.ref,
        gun_label=gun.label,
        tariff_id=offer.tariff.id,
        tariff=json.dumps(offer.tariff.to_json(), sort_keys=True),
        energy_kwh=energy_kwh,
        expected=offer.price.total,
        hold=hold_for(offer.price.total, gun.power_kw, offer.price.price_per_kwh),
        price_per_kwh=offer.price.price_per_kwh,
        price_seen_at=gun.price_seen_at,
        power_kw=gun.power_kw,
        created_at=at,
        expires_at=at + QUOTE_HOLDS_FOR,
        parts=dict(offer.price.parts),
    )


def gun_of(quoted: FrozenQuote) -> str:
    """Names the physical gun, whichever supplier sells it; two plugs of one EVSE are one gun to a car."""
    operator_id, connector_id = quoted.ref.operator_id, quoted.ref.connector_id
    everywhere = gun_key(quoted.supplier_id, operator_id, connector_id)
    # A number that counts within one supplier's list says nothing about another's.
    return everywhere or f"{quoted.supplier_id}:{operator_id}:{connector_id}"


def minted(supplier: StartsCharging) -> str:
    """A start number of ours, where the protocol does not say what one looks like: 26 capitals and digits."""
    return supplier.new_start_seq() if isinstance(supplier, MintsNumbers) else secrets.token_hex(13).upper()
