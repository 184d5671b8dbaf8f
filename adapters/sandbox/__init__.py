"""A pretend operator that ships with the product: a server of its own, reached only over HTTP through `cec`."""

from __future__ import annotations

from adapters.cec.config import CecConfig
from adapters.sandbox import keys

NAME = "沙盒充电 Sandbox"


def sandbox_config(base_url: str) -> CecConfig:
    """The block that the suppliers file would have for the sandbox server at `base_url`."""
    return CecConfig(
        supplier_id="sandbox",
        name=NAME,
        base_url=base_url,
        our_operator_id=keys.CUSTOMER_ID,
        their_operator_id=keys.OPERATOR_ID,
        operator_secret=keys.OPERATOR_SECRET,
        data_secret=keys.DATA_SECRET,
        data_secret_iv=keys.DATA_SECRET_IV,
        sig_secret=keys.SIG_SECRET,
        attribution="Made-up stations of the sandbox operator",
    )
