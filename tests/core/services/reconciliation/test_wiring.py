"""A supplier's daily check that reaches the product as it is wired is in the next reconciliation."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

from flask import Flask

import bootstrap
from adapters.sandbox import keys, sandbox_config
from core.clock import SystemClock
from core.services.reconciliation.findings import ZONE
from tests.adapters.cec.test_callbacks import Partner

NUMBER = "KILOWATCH" + "A1B2C3D4E5F6G7H8I9"


def test_a_pushed_check_is_reconciled(tmp_path: Path) -> None:
    settings = bootstrap.settings_from_env({"KILOWATCH_HOME": str(tmp_path)})
    services = bootstrap.build_services(settings, stations=False)
    app = Flask("web")
    for routes in bootstrap.supplier_callbacks(settings, services):
        app.register_blueprint(routes)
    partner = Partner(app.test_client(), SystemClock())  # type: ignore[arg-type]  # any clock does
    inbound = sandbox_config("http://127.0.0.1:9").inbound
    assert inbound is not None
    partner.keys, partner.operator_id = inbound.keys, keys.OPERATOR_ID
    login = {"OperatorID": keys.OPERATOR_ID, "OperatorSecret": inbound.operator_secret}
    partner.token = str(partner.push("query_token", login)["AccessToken"])

    today = services.clock.now().astimezone(ZONE).date()
    order = {"StartChargeSeq": NUMBER, "TotalPower": Decimal("30.00"), "TotalMoney": Decimal("45.00")}
    check = {
        "CheckOrderSeq": f"{keys.OPERATOR_ID}000000000000000001",
        "StartTime": f"{today} 00:00:00",
        "EndTime": f"{today} 23:59:59",
        "OrderCount": 1,
        "TotalOrderPower": order["TotalPower"],
        "TotalOrderMoney": order["TotalMoney"],
        "ChargeOrders": [order],
    }
    assert partner.push("check_charge_orders", check)["TotalDisputeOrder"] == 1
    [kept] = services.reconciliation.latest()
    assert (kept.scope, kept.day, kept.differences) == ("check:sandbox", today, 1)
    report = services.reconciliation.run("supplier:sandbox", today)
    assert [one.key for one, _ in report.differences] == [f"unknown_order:{NUMBER}"]
