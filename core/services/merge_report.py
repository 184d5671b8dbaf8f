"""What `kilowatch merges` tells: each merged place with the reasons, and what is wrong with whole suppliers."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import asdict
from datetime import UTC
from typing import Any

from core.merging import Evidence, Method, Part
from core.services.merging import Finding, MergedPlace

_BECAUSE = {
    Method.SAME_ID: "same id {id}",
    Method.SAME_GUNS: "same guns ({id})",
    Method.LIKENESS: "alike, score {score}",
    Method.POSITION: "by position, score {score}",
}


def document(places: Iterable[MergedPlace], findings: Iterable[Finding]) -> dict[str, Any]:
    """Everything, for scripts."""
    return {
        "places": [_place(place) for place in places],
        "findings": [
            {
                "supplier": one.supplier_id,
                "reason": one.reason,
                "detail": one.detail,
                "last_seen_at": one.last_seen_at.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z"),
            }
            for one in findings
        ],
    }


def lines(places: Iterable[MergedPlace], findings: Iterable[Finding]) -> Iterator[str]:
    """The same for a person."""
    for finding in findings:
        yield f"{finding.supplier_id}: {finding.reason}: {finding.detail}"
    shown = False
    for place in places:
        shown = True
        yield f"{place.id}  {len(place.stations)} stations"
        for link, one in zip(place.links, place.stations, strict=True):
            facts = [one.name, one.operator_name, one.address, f"{one.guns} guns"]
            shifted = "; its point is in a wrong datum" if link.part is Part.SHIFTED else ""
            yield f"  {one.id}  {one.supplier_id}: {' · '.join(filter(None, facts))}{shifted}"
        for evidence in place.evidence:
            yield f"    {evidence.one} = {evidence.other}: {because(evidence)}"
    if not shown:
        yield "No place is described by more than one supplier."


def because(found: Evidence) -> str:
    """Why two stations are one place, in one line."""
    parts = [_BECAUSE[found.method].format(id=found.id, score=found.score), f"{found.distance_m:.0f} m apart"]
    parts += [
        f"{what} {value:.0%} alike"
        for what, value in (("name", found.name), ("address", found.address))
        if value is not None
    ]
    if found.same_operator is not None:
        parts.append("same operator" if found.same_operator else "another operator")
    counts = "{} and {} guns".format(*found.guns)
    parts.append(counts if found.counts_compared else f"{counts} (they count different things)")
    parts += [f"wrong datum of {supplier} put right" for supplier in found.shifted]
    return ", ".join(parts)


def _place(place: MergedPlace) -> dict[str, Any]:
    return {
        "id": place.id,
        "stations": [
            {
                "id": one.id,
                "supplier": one.supplier_id,
                "external_id": one.external_id,
                "name": one.name,
                "operator": one.operator_name,
                "address": one.address,
                "lat": round(one.point.lat, 6),
                "lng": round(one.point.lng, 6),
                "guns": one.guns,
                "part": link.part.value,
            }
            for link, one in zip(place.links, place.stations, strict=True)
        ],
        "evidence": [asdict(found) | {"text": because(found)} for found in place.evidence],
    }
