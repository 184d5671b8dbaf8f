"""Links that open a station in a map app, each in the datum that map draws in."""

from __future__ import annotations

from urllib.parse import quote

from bots.wording import N_
from core.geo import Datum, Point, in_mainland_china

TITLES = {
    "amap": N_("Amap"),
    "baidu": N_("Baidu Maps"),
    "apple": N_("Apple Maps"),
    "google": N_("Google Maps"),
    "osm": "OpenStreetMap",
}
_IN_CHINA = ("amap", "baidu", "apple", "google", "osm")
_ELSEWHERE = ("google", "apple", "osm", "amap", "baidu")
NAME_MAX = 60


def links(point: Point, name: str) -> dict[str, str]:
    """A link per map, the one drivers there use most first.

    Apple and Google draw mainland China on GCJ-02 streets, so a WGS-84 pin would stand 500 m beside the road;
    elsewhere the datums agree. OpenStreetMap is WGS-84 everywhere.
    """
    here, shifted, baidu = point.wgs84, point.to(Datum.GCJ02), point.to(Datum.BD09)
    title = quote(_clean(name), safe="")
    street = f"{shifted.lat:.6f},{shifted.lng:.6f}"
    by_map = {
        "amap": f"https://uri.amap.com/marker?position={shifted.lng:.6f},{shifted.lat:.6f}&name={title}"
        "&coordinate=gaode&callnative=1&src=kilowatch",
        "baidu": f"https://api.map.baidu.com/marker?location={baidu.lat:.6f},{baidu.lng:.6f}&title={title}"
        f"&content={title}&coord_type=bd09ll&output=html&src=kilowatch",
        "apple": f"https://maps.apple.com/?ll={street}&q={title}",
        "google": f"https://www.google.com/maps/search/?api=1&query={quote(street, safe='')}",
        "osm": f"https://www.openstreetmap.org/?mlat={here.lat:.6f}&mlon={here.lng:.6f}"
        f"#map=17/{here.lat:.6f}/{here.lng:.6f}",
    }
    order = _IN_CHINA if in_mainland_china(here.lat, here.lng) else _ELSEWHERE
    return {map_id: by_map[map_id] for map_id in order}


def _clean(name: str) -> str:
    """A supplier's name without control characters and lone surrogates, short enough for a link."""
    return "".join(c for c in name if c.isprintable()).strip()[:NAME_MAX] or "Kilowatch"
