"""Cases: what no rule could decide, put before one of us, and what was decided with who and why.

service    list, show, decide                 desk       what a decision works with
charges    reviews, disputes, orphan records  payments   top-ups, refunds, chargebacks, suppliers paid
"""

from core.services.cases.desk import CaseError, Decision, Wish
from core.services.cases.service import CaseFile, CaseService

__all__ = ["CaseError", "CaseFile", "CaseService", "Decision", "Wish"]
