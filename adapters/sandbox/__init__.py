"""A pretend operator that ships with the product: a server of its own, reached only over HTTP through `cec`."""

from __future__ import annotations

from adapters.cec.config import CecConfig, Inbound
from adapters.cec.dialects import CEC_2016, Dialect
from adapters.sandbox import keys

NAME = "沙盒充电 Sandbox"


# The sandbox operator's own codes for a refused start.
START_REASONS = {3: "gun_fault", 4: "gun_busy", 5: "not_plugged_in"}
# And for a gun that is asked for before.
AUTH_REASONS = {3: "no_such_gun", 4: "gun_offline"}


def sandbox_config(base_url: str, dialect: Dialect = CEC_2016) -> CecConfig:
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
        dialect=dialect,
        start_reasons=START_REASONS,
        auth_reasons=AUTH_REASONS,
        inbound=Inbound(
            operator_secret=keys.CALLBACK_OPERATOR_SECRET,
            data_secret=keys.CALLBACK_DATA_SECRET,
            data_secret_iv=keys.CALLBACK_DATA_SECRET_IV,
            sig_secret=keys.CALLBACK_SIG_SECRET,
            loopback_only=True,
        ),
        sells=(keys.OPERATOR_ID,),
        attribution="Made-up stations of the sandbox operator",
    )
