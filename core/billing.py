"""A supplier's charge record made again from its tariff: what each dimension costs, and how far the record is off."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from core.money import minor_units
from core.tariff import Amount, Line, Stretch, Tariff, cost


@dataclass(frozen=True, slots=True)
class Bill:
    """`difference` is what the record asks beyond the tariff; a credit record has all signs turned."""

    currency: str
    total: Amount
    lines: Mapping[Line, Amount]
    claimed: Amount
    difference: Amount

    def to_json(self) -> dict[str, Any]:
        """Exact decimals as text, with at least the places of the currency; null where it is not known."""
        return {
            "total": self._sides(self.total),
            "dimensions": {line.value: self._sides(amount) for line, amount in self.lines.items()},
            "cdr_total": self._sides(self.claimed),
            "difference": self._sides(self.difference),
        }

    def to_text(self) -> str:
        """The same as a table for a person."""
        rows = [(line.value.replace("_", " "), amount) for line, amount in self.lines.items()]
        rows += [("total", self.total), ("charge record", self.claimed), ("difference", self.difference)]
        cells = [("", "excl. VAT", "incl. VAT")]
        cells += [(name, self.text(one.net) or "unknown", self.text(one.gross) or "unknown") for name, one in rows]
        widths = [max(len(row[column]) for row in cells) for column in range(3)]
        lines = [f"{name:<{widths[0]}}  {net:>{widths[1]}}  {gross:>{widths[2]}}" for name, net, gross in cells]
        return "\n".join([*lines, f"all in {self.currency}"])

    def _sides(self, amount: Amount) -> dict[str, str | None]:
        return {"excl_vat": self.text(amount.net), "incl_vat": self.text(amount.gross)}

    def text(self, value: Decimal | None) -> str | None:
        if value is None:
            return None
        plain = format(value, "f")
        whole, _, places = plain.partition(".")
        places = places.rstrip("0").ljust(minor_units(self.currency), "0")
        return f"{whole}.{places}" if places else whole


def bill(tariff: Tariff, session: Sequence[Stretch], claimed: Amount, *, credit: bool = False) -> Bill:
    """What the session costs by its tariff, beside what the record claims. Raises NotCovered, ValueError."""
    made = cost(tariff, session)
    sign = -1 if credit else 1
    total = _signed(made.amount, sign)
    return Bill(
        currency=made.currency,
        total=total,
        lines={line: _signed(amount, sign) for line, amount in made.lines.items()},
        claimed=claimed,
        difference=Amount(_beyond(claimed.net, total.net), _beyond(claimed.gross, total.gross)),
    )


def _signed(amount: Amount, sign: int) -> Amount:
    return Amount(
        None if amount.net is None else amount.net * sign,
        None if amount.gross is None else amount.gross * sign,
    )


def _beyond(claimed: Decimal | None, due: Decimal | None) -> Decimal | None:
    return None if claimed is None or due is None else claimed - due
