"""From the tariff ids at a connector to its price: one tariff gives it, several that differ leave it open."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from adapters.checks import rejected
from adapters.importer import Price
from adapters.ocpi.envelope import dumps
from adapters.ocpi.messages import newest_stamp
from adapters.ocpi.tariff_fields import Unsupported
from adapters.ocpi.tariffs import OcpiTariff, chosen, judged, to_tariff
from core.station import NoPrice, Rejected
from core.tariff import Tariff


@dataclass(frozen=True, slots=True)
class _Found:
    price: Price
    text: str


class PriceBook:
    """A supplier's tariffs. Remembers which of ours it made of them, and what it refused."""

    def __init__(self, listed: Mapping[str, OcpiTariff], now: datetime, seen_at: datetime | None = None) -> None:
        """`seen_at` is when the supplier vouched for the list; None: each tariff's own date stands."""
        self.listed, self.now, self.seen_at = listed, now, seen_at
        self.made: dict[str, Tariff] = {}
        self._found: dict[tuple[str, tuple[str, ...], str, str], _Found] = {}
        self._refused: list[Rejected] = []
        self._texts: list[str] = []

    def price_of(self, party: str, ids: Sequence[str], country: str, time_zone: str) -> Price:
        asked = (party, tuple(ids), country, time_zone)
        if asked not in self._found:
            self._found[asked] = self._look_up(*asked)
        found = self._found[asked]
        if found.text and found.price.tariff_id is None:
            self._texts.append(found.text)
        return found.price

    def take_texts(self) -> str:
        """The suppliers' own words for prices met since the last call that we cannot compute."""
        text = "; ".join(dict.fromkeys(self._texts))[:500]
        self._texts = []
        return text

    def take_refused(self) -> list[Rejected]:
        """The tariffs refused since the last call."""
        refused, self._refused = self._refused, []
        return refused

    def refuse(self, key: str, reason: str, detail: str, raw: str) -> None:
        self._refused.append(rejected(key, reason, detail, raw))

    def _look_up(self, party: str, ids: tuple[str, ...], country: str, time_zone: str) -> _Found:
        listed = [self.listed[key] for one in ids if (key := self._key(party, one)) in self.listed]
        candidates = chosen(listed, self.now)
        text = next((one.text for one in candidates if one.text), "")
        no_price = NoPrice.TEXT_ONLY if text else NoPrice.NOT_PUBLISHED
        found: dict[str, Price] = {}
        for one in candidates:
            try:
                tariff = to_tariff(one.doc, country, time_zone)
            except Unsupported as reason:
                self.refuse(f"tariff {one.key}", "unsupported_tariff", str(reason), dumps(dict(one.doc)))
                return _Found(Price(None, no_price), text)
            if judged(tariff):
                self.refuse(f"tariff {one.key}", "implausible_price", "price per kWh", dumps(dict(one.doc)))
                return _Found(Price(None, NoPrice.IMPLAUSIBLE), text)
            self.made.setdefault(tariff.id, tariff)
            found[tariff.id] = Price(tariff.id, None, self.seen_at or one.updated_at)
        if len(found) == 1:
            return _Found(next(iter(found.values())), text)
        return _Found(Price(None, no_price), text)

    def _key(self, party: str, tariff_id: str) -> str:
        """Tariffs belong to the location's party; a list without parties (2.1.1) has bare ids."""
        full = f"{party}:{tariff_id}".upper()
        return full if full in self.listed else tariff_id.upper()


def newest_of(tariffs: Iterable[OcpiTariff]) -> dict[str, OcpiTariff]:
    """By key, the newest of each."""
    found: dict[str, OcpiTariff] = {}
    for one in tariffs:
        known = found.get(one.key)
        if known is None or newest_stamp(one.doc) > newest_stamp(known.doc):
            found[one.key] = one
    return found
