"""What was decided reaches the driver, once, as a message about money."""

from __future__ import annotations

import json
from decimal import Decimal

import pytest

from bots.wording import messages, wording
from core.outbox import MessageClass, OutboxState
from core.payments import TopupState
from core.ports import CaseKind
from core.services.accounts import AccountService
from core.services.cases import CaseService, Decision
from core.services.notify import tell
from core.user import Channel, Identity
from tests.core.services.cases.bench import Bench


@pytest.fixture
def lin(bench: Bench) -> str:
    """Lin writes to us on Telegram; decisions are told as in production."""
    bench.cases = CaseService(
        bench.database, bench.clock, tell=tell, ring=bench.rung.append, attach=bench.charging.attach
    )
    return AccountService(bench.database, bench.clock).greet(Identity(Channel.TELEGRAM, "7"), "en").user.id


def said(bench: Bench) -> list[str]:
    with bench.database.read() as unit:
        rows = reversed(unit.outbox.in_states([OutboxState.PENDING], 10))
    texts = []
    for row in rows:
        assert (row.klass, row.channel, row.address) == (MessageClass.MONEY, "telegram", "7")
        body = json.loads(row.body)
        text = messages.said(
            wording("en"), body["code"], body["params"], time_zone="Asia/Shanghai", subject=row.subject, repeat=False
        )
        texts.append(f"{text.title} | {text.text}")
    return texts


def test_gifts_and_agreements_are_told(bench: Bench, lin: str) -> None:
    bench.top_up("100", user_id=lin)
    bench.charging_session(user_id=lin)
    bench.record("SEQ1", "45")
    case = bench.case(CaseKind.REVIEW)
    bench.rung.clear()
    bench.decide(case, Decision.GIFT, amount=Decimal("1.50"), keep_open=True)
    bench.decide(case, Decision.GIFT, amount=Decimal("2.50"), keep_open=True)
    bench.decide(case, Decision.DRIVER_PAYS)
    first, second, third = said(bench)
    assert first.startswith("Money back: ¥1.50 | We looked at your charge at Lotus Road")
    assert second.startswith("Money back: ¥2.50")
    assert third.startswith("Taken: ¥5.00")
    assert len(bench.rung) == 3


def test_a_payment_that_was_booked_by_hand_is_told(bench: Bench, lin: str) -> None:
    order = bench.order("50", 1, TopupState.PARKED, user_id=lin)
    bench.decide(bench.opened(CaseKind.TOPUP, order.id, user_id=lin), Decision.BOOK)
    [text] = said(bench)
    assert text.startswith("Paid in: ¥50.00")
