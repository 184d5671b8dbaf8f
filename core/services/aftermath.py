"""After a charge: "was it as promised?", asked once and answered with a tap; the last word counts.

"Broken" and "blocked" count against the gun when stations are ranked. "The price" becomes a case for one of us: the
driver is promised the price that was shown.
"""

from __future__ import annotations

from datetime import timedelta

from core.errors import Conflict, NotFound
from core.money import Money
from core.ports import Clock, Database
from core.scan import Opinion, Promised
from core.services.cases import CaseService
from core.session import LIVE, ChargingSession, SessionState

# Later nobody remembers the bay.
ASKED_WITHIN = timedelta(days=3)
_GOES_ON = LIVE - {SessionState.AWAIT_RECORD}
_ASKED_OF = frozenset(SessionState) - LIVE - {SessionState.START_FAILED}


class AftermathService:
    def __init__(self, database: Database, clock: Clock, cases: CaseService) -> None:
        self.database, self.clock, self.cases = database, clock, cases

    def asked(self, session: ChargingSession) -> bool:
        """Whether to ask about this charge: it is settled, not for long, and its driver has said nothing yet."""
        if session.state not in _ASKED_OF or self.clock.now() - session.changed_at > ASKED_WITHIN:
            return False
        with self.database.read() as unit:
            return unit.opinions.get(session.id) is None

    def answer(self, user_id: str, session_id: str, promised: Promised, words: str = "") -> Opinion:
        """The driver's word on a charge of theirs that has ended; the last one counts. PRICE opens a case, once.

        Raises NotFound("no_such_session"), Conflict("charge_goes_on").
        """
        with self.database.write() as unit:
            session = unit.sessions.get(session_id)
            if session is None or session.user_id not in unit.people.same_person(user_id):
                raise NotFound("no_such_session")
            if session.state in _GOES_ON:
                raise Conflict("charge_goes_on")
            opinion = Opinion(session_id, user_id, promised, self.clock.now())
            unit.opinions.put(opinion)
        if promised is Promised.PRICE:
            self.cases.dispute(session_id, f"{_price_in_doubt(session)} {words}", user_id=user_id)
        return opinion


def _price_in_doubt(session: ChargingSession) -> str:
    """For one of us, who looks at the case."""
    paid = "nothing yet" if session.charged is None else _plain(session.charged)
    return f"the driver says the price was not as promised: quoted {_plain(session.quote.expected)}, paid {paid}."


def _plain(amount: Money) -> str:
    return f"{amount.decimal} {amount.currency}"
