"""Reconciliation: our books held against those of suppliers and payment providers. It shows, and mends nothing.

service    runs, keeps what was found, calls one of us      findings   a difference, a comparison, as text
charges    a supplier's records and orders                  payments   a provider's bill
"""

from core.services.reconciliation.findings import Comparison, Difference
from core.services.reconciliation.service import ReconciliationService, Report

__all__ = ["Comparison", "Difference", "ReconciliationService", "Report"]
