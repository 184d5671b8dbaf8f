"""What the suppliers file says of an OCPI partner. Tokens are not in it: they come by `kilowatch ocpi register`."""

from __future__ import annotations

from dataclasses import dataclass

from adapters.ocpi.origins import origin_of
from adapters.ocpi.versions import Party
from core.geo import Datum


@dataclass(frozen=True, slots=True)
class OcpiConfig:
    """One partner, and who we are to them."""

    supplier_id: str
    name: str
    us: Party
    datum: Datum = Datum.WGS84
    licence: str = ""
    attribution: str = ""
    url: str = ""
    origins: tuple[str, ...] = ()  # further origins of theirs, beside the one of the versions address
    pushes_tokens: bool = False  # True: the partner starts nothing for a token it was not told before
    sells: tuple[str, ...] = ()  # the parties whose guns it may speak for ("DEABC"); empty: nobody said
    encodes: bool | None = None  # None: as the version says, and the other form where that is refused

    @property
    def secrets(self) -> tuple[str, ...]:
        return ()

    @property
    def further_origins(self) -> tuple[str, ...]:
        return tuple(origin_of(one) for one in self.origins)
