"""What a kilowatt-hour can cost at a public gun, by currency: outside of it somebody mistyped or mixed up units."""

from __future__ import annotations

from decimal import Decimal

# Least and most per kWh, generous: a promotion at night is inside, and so is the dearest motorway. Fen for yuan and
# centavos for reais are not. Set by us in 2026 from about 0.02 to 3 euros.
_BOUNDS = {
    "AUD": ("0.03", "5"),
    "BRL": ("0.10", "15"),
    "CAD": ("0.02", "5"),
    "CHF": ("0.02", "4"),
    "CNY": ("0.05", "10"),
    "CZK": ("0.5", "60"),
    "DKK": ("0.15", "25"),
    "EUR": ("0.02", "3"),
    "GBP": ("0.02", "3"),
    "HKD": ("0.15", "25"),
    "HUF": ("8", "1200"),
    "IDR": ("300", "50000"),
    "INR": ("2", "250"),
    "ISK": ("3", "400"),
    "JPY": ("3", "500"),
    "KRW": ("30", "4500"),
    "MOP": ("0.15", "25"),
    "MXN": ("0.4", "60"),
    "MYR": ("0.1", "15"),
    "NOK": ("0.2", "30"),
    "NZD": ("0.03", "6"),
    "PLN": ("0.1", "13"),
    "RON": ("0.1", "15"),
    "SEK": ("0.2", "30"),
    "SGD": ("0.03", "5"),
    "THB": ("0.8", "110"),
    "TRY": ("0.8", "120"),
    "TWD": ("0.6", "100"),
    "USD": ("0.02", "3"),
    "VND": ("500", "80000"),
    "ZAR": ("0.4", "60"),
}
# Where nobody tells the currency: as if its unit were worth about a euro, a yuan or a real.
_UNKNOWN = ("0.02", "20")
_PER_KWH = {code: (Decimal(least), Decimal(most)) for code, (least, most) in _BOUNDS.items()}
_PER_KWH[""] = (Decimal(_UNKNOWN[0]), Decimal(_UNKNOWN[1]))


def plausible_per_kwh(currency: str) -> tuple[Decimal, Decimal] | None:
    """The least and the most; "" for a currency that nobody told, None for one that we have no idea of."""
    return _PER_KWH.get(currency)
