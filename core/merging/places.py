"""From pairs to places: each station belongs to at most one place, and a place is named by one of its stations."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from core.merging.descriptions import Description, same_operator
from core.merging.match import Evidence, Splits


class Part(StrEnum):
    """What a station is within its place."""

    ANCHOR = "anchor"  # names the place
    MEMBER = "member"
    SHIFTED = "shifted"  # its supplier's points are in a wrong datum: the place stands where the others say
    SPLIT = "split"  # a place of its own, although ids say otherwise, because a person said so


@dataclass(frozen=True, slots=True)
class Link:
    """A station's place, and the pairs that brought it there (each pair is kept with one of its two stations)."""

    station_id: str
    place_id: str
    part: Part
    evidence: tuple[Evidence, ...] = ()


def gather(
    descriptions: Sequence[Description],
    found: Sequence[Evidence],
    splits: Splits,
    shifted: Mapping[str, object],
    before: Mapping[str, str],
) -> list[Link]:
    """Places of all stations that have company. `found` is taken in its order, the surest first; a pair that would
    put two stations of one supplier, two brands, or two that a person has split into one place is left out,
    unless ids join them. `before` (station → place) keeps a place's name while its station is still in it.
    """
    by_id = {one.id: one for one in descriptions}
    groups = {one.id: _Group([one]) for one in descriptions}
    for pair in found:
        one, other = groups[pair.one], groups[pair.other]
        if one is not other and one.may_join(other, splits, by_id=pair.by_id):
            one.join(other)
            groups.update({member.id: one for member in other.members})
        if groups[pair.one] is groups[pair.other]:
            groups[pair.one].evidence.append(pair)
    links: list[Link] = []
    for group in {id(group): group for group in groups.values()}.values():
        if len(group.members) > 1:
            links += group.links(shifted, before)
    placed = {link.station_id for link in links}
    links += [Link(key, key, Part.SPLIT) for key in _lone_splits(by_id, splits) if key not in placed]
    return sorted(links, key=lambda link: link.station_id)


@dataclass(slots=True)
class _Group:
    members: list[Description]
    evidence: list[Evidence]

    def __init__(self, members: list[Description]) -> None:
        self.members, self.evidence = members, []

    def may_join(self, other: _Group, splits: Splits, *, by_id: bool) -> bool:
        pairs = [(one, two) for one in self.members for two in other.members]
        if any(frozenset((one.id, two.id)) in splits for one, two in pairs):
            return False
        if by_id:
            return True
        return not any(one.supplier_id == two.supplier_id or same_operator(one, two) is False for one, two in pairs)

    def join(self, other: _Group) -> None:
        self.members += other.members
        self.evidence += other.evidence

    def links(self, shifted: Mapping[str, object], before: Mapping[str, str]) -> list[Link]:
        names = {before.get(one.id) for one in self.members}
        anchor = min(self.members, key=lambda one: (one.supplier_id in shifted, one.id not in names, one.id)).id
        kept: dict[str, list[Evidence]] = defaultdict(list)
        for pair in self.evidence:
            kept[pair.one if pair.other == anchor else pair.other].append(pair)
        return [
            Link(
                one.id,
                anchor,
                Part.ANCHOR if one.id == anchor else Part.SHIFTED if one.supplier_id in shifted else Part.MEMBER,
                tuple(kept[one.id]),
            )
            for one in self.members
        ]


def _lone_splits(by_id: Mapping[str, Description], splits: Splits) -> set[str]:
    """Stations that a person has split from one with the same id: without a place of their own, the id that
    everybody knows would join them again."""
    lone: set[str] = set()
    for pair in splits:
        known = [by_id[key] for key in pair if key in by_id]
        if len(known) == 2 and known[0].global_key and known[0].global_key == known[1].global_key:
            lone |= pair
    return lone
