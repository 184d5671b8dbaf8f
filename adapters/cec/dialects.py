"""How partners spell T/CEC 102. A dialect is declared per partner and never guessed from one value.

Inside the adapter every field has its correct English name; each table maps it to the partner's spelling.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class Dialect:
    """One partner's way to write. `restricted` are the station types that are not for the public."""

    name: str
    spelling: Mapping[str, str]
    restricted: frozenset[int] = frozenset()
    page_size: int = 100
    _ours: Mapping[str, str] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_ours", {theirs: ours for ours, theirs in self.spelling.items()})

    def read(self, value: Any) -> Any:
        """The same document with our spelling, at every depth."""
        if isinstance(value, dict):
            return {self._ours.get(key, key): self.read(part) for key, part in value.items()}
        return [self.read(part) for part in value] if isinstance(value, list) else value

    def write(self, value: Any) -> Any:
        """The same document with the partner's spelling, at every depth."""
        if isinstance(value, dict):
            return {self.spelling.get(key, key): self.write(part) for key, part in value.items()}
        return [self.write(part) for part in value] if isinstance(value, list) else value


# The misspellings are the standard's own.
# Station types: 50 private, 100 bus, 101 sanitation, 102 logistics, 103 taxi.
CEC_2016 = Dialect(
    name="cec-2016",
    spelling={
        "BusinessHours": "BusineHours",
        "ServicePrice": "SevicePrice",
        "ServiceMoney": "SeviceMoney",
        "DetailServiceMoney": "DetailSeviceMoney",
        "TotalServiceMoney": "TotalSeviceMoney",
    },
    restricted=frozenset({50, 100, 101, 102, 103}),
)

DIALECTS: Mapping[str, Dialect] = {dialect.name: dialect for dialect in (CEC_2016,)}
