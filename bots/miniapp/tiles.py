"""Where the page's map pictures come from: one setting, `[datum:]URL[ | attribution]`.

    https://tiles.example/{z}/{x}/{y}.png | © OpenStreetMap contributors
    gcj02:https://tiles.example/{z}/{x}/{y}

The datum is the one the tiles are drawn in, WGS-84 when nothing is said. Tiles are 256 pixels wide in the usual
Mercator numbering; Baidu's own numbering is another one and does not work.
"""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import urlsplit

from core.errors import ConfigurationError
from core.geo import Datum


@dataclass(frozen=True, slots=True)
class Tiles:
    url: str
    datum: Datum
    attribution: str

    @property
    def origin(self) -> str:
        """Scheme and host, which the page may load pictures from."""
        parts = urlsplit(self.url)
        return f"{parts.scheme}://{parts.netloc}"


def read_tiles(setting: str) -> Tiles | None:
    """The tiles of MAP_TILES_URL; None when it is empty. Raises ConfigurationError."""
    if not setting.strip():
        return None
    address, _, attribution = (part.strip() for part in setting.partition("|"))
    datum = Datum.WGS84
    for one in Datum:
        if address.startswith(f"{one.value}:"):
            datum, address = one, address.removeprefix(f"{one.value}:")
    parts = urlsplit(address)
    complete = all(gap in address for gap in ("{z}", "{x}", "{y}"))
    if (
        parts.scheme not in ("http", "https")
        or not complete
        or set(parts.netloc) & set(" ;,'\"{}")
        or not parts.netloc
    ):
        raise ConfigurationError(["MAP_TILES_URL must look like https://host/{z}/{x}/{y}.png"])
    return Tiles(address, datum, attribution)
