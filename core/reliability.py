"""How likely a visit ends without a charge, learnt from what became of the starts at each gun.

A rate from few visits says little: one failure in one visit is not "always fails". So what was seen is mixed with
what is believed beforehand, as if that belief were a number of visits of its own (the mean of a Beta distribution):

    supplier = (WITHOUT_KNOWLEDGE x 40 + its failures) / (40 + its visits)
    gun      = (supplier x 6 + the gun's failures) / (6 + the gun's visits)

40 and 6, because suppliers differ less than guns do: after six visits a gun's own record weighs as much as its
supplier's, after forty a supplier's as much as the constant. A gun that failed once in one visit is at 0.21, one that
failed five times in six at 0.49 (its supplier having no other guns); the constant is 0.05.

A visit failed where the start did, or where the driver says that the gun was broken or the bay taken. What was the
driver's own doing is not counted. Of a station the mean over the guns that fit counts: a driver takes one of them.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta

from core.scan import Outcomes
from core.station import ConnectorRef

WITHOUT_KNOWLEDGE = 0.05  # of a visit to a gun that nobody of us has tried
SUPPLIER_VISITS, GUN_VISITS = 40, 6
LEARNT_FROM = timedelta(days=30)


@dataclass(frozen=True, slots=True)
class Reliability:
    """What is known of suppliers and guns; of those not named, the next best word holds."""

    suppliers: Mapping[str, float] = field(default_factory=dict)
    guns: Mapping[tuple[str, ConnectorRef], float] = field(default_factory=dict)

    def failure_chance(self, supplier_id: str, refs: Iterable[ConnectorRef]) -> float:
        """Of a visit to one of these guns, between 0 and 1, both excluded."""
        of_supplier = self.suppliers.get(supplier_id)
        if of_supplier is None:
            return WITHOUT_KNOWLEDGE
        chances = [self.guns.get((supplier_id, ref), of_supplier) for ref in refs]
        return sum(chances) / len(chances) if chances else of_supplier


NOTHING_LEARNT = Reliability()


def learnt(outcomes: Iterable[Outcomes]) -> Reliability:
    """Every gun appears once."""
    known = list(outcomes)
    visits: dict[str, int] = defaultdict(int)
    failures: dict[str, int] = defaultdict(int)
    for one in known:
        visits[one.supplier_id] += _visits(one)
        failures[one.supplier_id] += _failures(one)
    suppliers = {
        supplier_id: _mixed(WITHOUT_KNOWLEDGE, SUPPLIER_VISITS, failures[supplier_id], count)
        for supplier_id, count in visits.items()
    }
    guns = {
        (one.supplier_id, one.ref): _mixed(suppliers[one.supplier_id], GUN_VISITS, _failures(one), _visits(one))
        for one in known
    }
    return Reliability(suppliers, guns)


def _visits(one: Outcomes) -> int:
    return one.started + one.failed


def _failures(one: Outcomes) -> int:
    """A start that failed may also have been complained of: it is one visit all the same."""
    return min(one.failed + one.complaints, _visits(one))


def _mixed(believed: float, worth: int, failures: int, visits: int) -> float:
    return (believed * worth + failures) / (worth + visits)
