"""The wallet and charges over HTTP: /wallet, /quotes, /sessions; nobody sees or moves what is another's."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from flask.testing import FlaskClient

from bots.miniapp import models
from bots.miniapp import money_models as shapes
from core.payments import PaymentRequest, RefundState, Topup, TopupState
from tests.bots.driving import WARY, Driving, yuan
from tests.paying import FakePayments
from tests.world import World

API = "/api/v1"
_UNKNOWN = "AAAAAAAAAAAAAAAA"


@dataclass
class Person:
    client: FlaskClient
    token: str
    user_id: str
    keys: Iterator[int]

    def asks(self, method: str, path: str, status: int = 200, *, key: str = "", **more: Any) -> Any:
        headers = {"Authorization": f"Bearer {self.token}"} | more.pop("headers", {})
        if method == "POST":
            headers["Idempotency-Key"] = key or f"wish-{next(self.keys):08}"
        answer = self.client.open(API + path, method=method, headers=headers, **more)
        assert answer.status_code == status, answer.get_data(as_text=True)
        return answer.json

    def refused(self, method: str, path: str, status: int, code: str, **more: Any) -> str:
        error = models.Error.model_validate(self.asks(method, path, status, **more)).error
        assert error.code == code, error
        return error.message

    def tops_up(self, world: World, amount: int = 5000) -> dict[str, Any]:
        wish = {"channel": "sandbox", "amount": {"amount_minor": amount, "currency": "CNY"}}
        order = self.asks("POST", "/wallet/topups", json=wish)["topup"]
        world.payments.pays(order["id"])
        return dict(self.asks("GET", f"/wallet/topups/{order['id']}"))

    def balance(self) -> dict[str, int]:
        doc = shapes.Wallet.model_validate(self.asks("GET", "/wallet"))
        one = doc.balances[0]
        return {name: getattr(one, name).amount_minor for name in ("available", "held", "refunding")}


@pytest.fixture
def driving(world: World) -> Driving:
    return Driving(world)


def person(client: FlaskClient, name: str) -> Person:
    answer = client.post(f"{API}/auth/local", json={"name": name})
    assert answer.status_code == 200, answer.json
    return Person(client, answer.get_json()["token"], answer.get_json()["user_id"], iter(range(1, 10**6)))


@pytest.fixture
def lin(client: FlaskClient, driving: Driving) -> Person:
    return person(client, "lin")


@pytest.fixture
def chen(client: FlaskClient, lin: Person) -> Person:
    return person(client, "chen")


def quote(who: Person, driving: Driving, kwh: str = "20", gun: int = 0) -> dict[str, Any]:
    ref = driving.guns[gun]
    wish = {"gun": {"operator_id": ref.operator_id, "id": ref.connector_id}, "kwh": kwh}
    return dict(who.asks("POST", "/quotes", json=wish))


# --- money in and money back --------------------------------------------------------------------------------------


def test_an_empty_wallet_says_how_to_pay(lin: Person) -> None:
    wallet = shapes.Wallet.model_validate(lin.asks("GET", "/wallet"))
    assert (wallet.balances, wallet.waiting) == ([], [])
    (way,) = wallet.ways
    assert (way.channel, way.name, way.currencies[0]) == ("sandbox", "play money", "CNY")
    assert [one.amount_minor for one in way.amounts] == [3000, 5000, 10000]
    assert lin.asks("GET", "/wallet", headers={"Accept-Language": "zh-CN"})["ways"][0]["name"] == "模拟支付"


def test_a_topup_is_made_paid_and_seen(lin: Person, world: World) -> None:
    wish = {"channel": "sandbox", "amount": {"amount_minor": 5000, "currency": "CNY"}}
    made = shapes.TopupAnswer.model_validate(lin.asks("POST", "/wallet/topups", json=wish))
    assert (made.topup.state, made.pay.kind) == (TopupState.PENDING, "page")
    assert made.pay.fields["url"].startswith("http")
    assert [one["id"] for one in lin.asks("GET", "/wallet")["waiting"]] == [made.topup.id]
    world.payments.pays(made.topup.id)
    paid = shapes.Topup.model_validate(lin.asks("GET", f"/wallet/topups/{made.topup.id}"))
    assert (paid.state, paid.reference) == (TopupState.PAID, f"tx-{made.topup.id}")
    assert lin.balance() == {"available": 5000, "held": 0, "refunding": 0}
    assert lin.asks("GET", "/wallet")["waiting"] == []


def test_the_same_wish_makes_one_order(lin: Person, world: World) -> None:
    wish = {"channel": "sandbox", "amount": {"amount_minor": 5000, "currency": "CNY"}}
    first = lin.asks("POST", "/wallet/topups", key="one-wish-only", json=wish)
    assert lin.asks("POST", "/wallet/topups", key="one-wish-only", json=wish) == first
    assert len(world.payments.orders) == 1
    other = {"channel": "sandbox", "amount": {"amount_minor": 9000, "currency": "CNY"}}
    lin.refused("POST", "/wallet/topups", 409, "idempotency_conflict", key="one-wish-only", json=other)


def test_a_refund_shows_each_step_and_its_day(lin: Person, world: World, driving: Driving) -> None:
    lin.tops_up(world)
    preview = shapes.RefundPreview.model_validate(
        lin.asks("GET", "/wallet/refunds/preview?amount_minor=2000&currency=CNY")
    )
    assert [(one.channel, one.amount.amount_minor) for one in preview.ways] == [("sandbox", 2000)]
    world.payments.refunds_become = RefundState.SENT
    asked = lin.asks("POST", "/wallet/refunds", json={"amount": {"amount_minor": 2000, "currency": "CNY"}})
    (refund,) = shapes.RefundAnswer.model_validate(asked).refunds
    assert [step.state for step in refund.steps] == [RefundState.ASKED]
    assert refund.due_at == preview.due_at == "2026-11-28T04:00:00Z"
    driving.runs_jobs()
    assert lin.balance() == {"available": 3000, "held": 0, "refunding": 2000}
    (refund,) = shapes.RefundList.model_validate(lin.asks("GET", "/wallet/refunds")).refunds
    assert [step.state for step in refund.steps] == [RefundState.ASKED, RefundState.SENT]
    with world.services.database.read() as unit:
        world.payments.settles(unit.payments.refund(refund.id))  # type: ignore[arg-type]  # it is there
    world.services.wallet.look_at_refund(refund.id)
    (refund,) = shapes.RefundList.model_validate(lin.asks("GET", "/wallet/refunds")).refunds
    assert [step.text for step in refund.steps] == ["asked for", "passed on to play money", "paid out"]
    assert lin.balance() == {"available": 3000, "held": 0, "refunding": 0}


def test_all_goes_back_and_no_more(lin: Person, world: World) -> None:
    lin.tops_up(world)
    lin.tops_up(world, 3000)
    too_much = {"amount": {"amount_minor": 8001, "currency": "CNY"}}
    assert "¥80.00" in lin.refused("POST", "/wallet/refunds", 400, "refund_too_much", json=too_much)
    lin.refused("GET", "/wallet/refunds/preview?amount_minor=8001&currency=CNY", 400, "refund_too_much")
    refunds = lin.asks("POST", "/wallet/refunds", json={"amount": "all"})["refunds"]
    assert sorted(one["amount"]["amount_minor"] for one in refunds) == [3000, 5000]
    lin.refused("POST", "/wallet/refunds", 400, "nothing_to_refund", json={"amount": "all"})


def test_the_statement_pages_through_every_line(lin: Person, world: World, driving: Driving) -> None:
    for amount in range(1000, 8000, 1000):
        lin.tops_up(world, amount)
    seen: list[int] = []
    before = ""
    while True:
        page = shapes.Statement.model_validate(lin.asks("GET", f"/wallet/statement?limit=3{before}"))
        seen += [line.available.amount_minor for line in page.lines]
        if page.next is None:
            break
        before = f"&before={page.next}"
    assert seen == [7000, 6000, 5000, 4000, 3000, 2000, 1000]


class InTelegram(FakePayments):
    """A provider whose request holds a secret."""

    def request(self, topup: Topup, description: str, payer: str) -> PaymentRequest:
        return PaymentRequest("invoice", {"provider_token": "canary-s3cret"})


def test_the_secret_of_an_invoice_stays_with_us(lin: Person, world: World) -> None:
    providers = world.services.wallet._till.providers  # the world's own dict
    providers["telegram"] = InTelegram(world.clock, channel="telegram")  # type: ignore[index]
    wish = {"channel": "telegram", "amount": {"amount_minor": 5000, "currency": "CNY"}}
    assert "Telegram" in lin.refused("POST", "/wallet/topups", 409, "pay_in_telegram", json=wish)


# --- charges ------------------------------------------------------------------------------------------------------


def test_a_charge_from_the_quote_to_the_receipt(lin: Person, world: World, driving: Driving) -> None:
    lin.tops_up(world, 10000)
    quoted = shapes.QuoteAnswer.model_validate(quote(lin, driving))
    assert (quoted.expected.amount_minor, quoted.hold.amount_minor, quoted.missing) == (3000, 3800, None)
    assert {part.value: amount for part, amount in quoted.parts.items()} == {"energy": "30"}
    begun = shapes.Session.model_validate(
        lin.asks("POST", "/sessions", key="a-yes-of-mine", json={"quote_id": quoted.id})
    )
    assert begun.quote.id == quoted.id
    again = lin.asks("POST", "/sessions", key="a-yes-of-mine", json={"quote_id": quoted.id})
    assert again["id"] == begun.id
    assert lin.balance() == {"available": 6200, "held": 3800, "refunding": 0}
    driving.runs_jobs()
    with world.services.database.read() as unit:
        session = unit.sessions.get(begun.id)
    assert session is not None
    early = shapes.Receipt.model_validate(lin.asks("GET", f"/sessions/{begun.id}/receipt"))
    assert (early.billed, early.as_agreed) == (None, None)
    assert "not here yet" in early.notes[0]
    driving.ends(session)
    one = shapes.Session.model_validate(lin.asks("GET", f"/sessions/{begun.id}"))
    assert (one.state.value, one.text) == ("settled", "Settled")
    assert one.charged is not None
    paper = shapes.Receipt.model_validate(lin.asks("GET", f"/sessions/{begun.id}/receipt"))
    assert paper.billed == paper.by_price == paper.paid == one.charged
    assert (paper.as_agreed, paper.borne.amount_minor) == (True, 0)
    assert paper.held is not None
    assert paper.given_back is not None
    assert paper.given_back.amount_minor + paper.paid.amount_minor == paper.held.amount_minor
    assert paper.balance.amount_minor == 10000 - paper.paid.amount_minor
    lines = shapes.Statement.model_validate(lin.asks("GET", "/wallet/statement")).lines
    assert [line.cause.value for line in lines] == ["release", "capture", "hold", "topup"]
    assert sum(line.available.amount_minor for line in lines) == paper.balance.amount_minor
    why = (WARY, "Gun P1-1", "Fake Charging", "¥1.50/kWh", "price version", one.id)
    assert all(part in lines[1].reason.detail for part in why)
    (listed,) = shapes.SessionList.model_validate(lin.asks("GET", "/sessions")).sessions
    assert listed == one


def test_a_bill_above_the_price_is_flagged_and_the_rest_is_ours(lin: Person, world: World, driving: Driving) -> None:
    lin.tops_up(world, 10000)
    session = driving.begins(lin.user_id)
    driving.ends(session, total_cost=Decimal(90), energy_cost=None, service_cost=None)
    paper = shapes.Receipt.model_validate(lin.asks("GET", f"/sessions/{session.id}/receipt"))
    assert paper.as_agreed is False
    assert paper.billed is not None
    assert paper.billed.amount_minor == 9000
    assert paper.paid.amount_minor + paper.borne.amount_minor == 9000
    assert any("above the agreed price" in note for note in paper.notes)


def test_history_is_paged(lin: Person, world: World, driving: Driving) -> None:
    lin.tops_up(world, 50000)
    made = []
    for _ in range(3):
        made.append(driving.begins(lin.user_id))
        driving.ends(made[-1])
        world.clock.time += timedelta(minutes=1)
        driving.world.services.catalogue.pull_prices(driving.supplier)
        driving.world.services.catalogue.pull_statuses(driving.supplier)
    first = lin.asks("GET", "/sessions?limit=2")
    rest = lin.asks("GET", "/sessions", query_string={"limit": "2", "before": first["next"]})
    ids = [one["id"] for one in (*first["sessions"], *rest["sessions"])]
    assert ids == [one.id for one in reversed(made)]
    assert rest["next"] is None


def test_what_is_missing_is_said_before_the_yes(lin: Person, world: World, driving: Driving) -> None:
    lin.tops_up(world, 1000)
    quoted = quote(lin, driving)
    assert quoted["missing"] == {"amount_minor": 2800, "currency": "CNY"}
    sentence = lin.refused("POST", "/sessions", 402, "not_enough_money", json={"quote_id": quoted["id"]})
    assert "¥28.00" in sentence


def test_stopping_twice_is_stopping_once(lin: Person, world: World, driving: Driving) -> None:
    lin.tops_up(world, 10000)
    session = driving.begins(lin.user_id)
    first = shapes.Session.model_validate(lin.asks("POST", f"/sessions/{session.id}/stop"))
    again = shapes.Session.model_validate(lin.asks("POST", f"/sessions/{session.id}/stop"))
    assert (first.state, again.state) == (first.state, first.state)
    world.clock.time += timedelta(minutes=1)
    driving.runs_jobs()
    assert [one.event.value for one in driving.diary(session)].count("stop_asked") == 1
    assert lin.asks("GET", f"/sessions/{session.id}")["state"] in ("await_record", "stopping")


# --- nobody else's ------------------------------------------------------------------------------------------------


def test_swapping_every_id_finds_nothing(lin: Person, chen: Person, world: World, driving: Driving) -> None:
    """Two people with the same things: each id of one, asked for by the other, is as unknown as an invented one."""
    things = {}
    for gun, who in enumerate((lin, chen)):
        order = who.tops_up(world, 10000)
        open_quote = quote(who, driving, gun=gun)
        session = driving.begins(who.user_id, gun=gun)
        things[who.user_id] = {"topup": order["id"], "quote": open_quote["id"], "session": session.id}
    for who, other in ((lin, chen), (chen, lin)):
        theirs = things[other.user_id]
        for topup in (theirs["topup"], "T" + _UNKNOWN):
            who.refused("GET", f"/wallet/topups/{topup}", 404, "no_such_topup")
        for session_id in (theirs["session"], _UNKNOWN):
            who.refused("GET", f"/sessions/{session_id}", 404, "no_such_session")
            who.refused("GET", f"/sessions/{session_id}/receipt", 404, "no_such_session")
            who.refused("POST", f"/sessions/{session_id}/stop", 404, "no_such_session")
        for quote_id in (theirs["quote"], _UNKNOWN):
            who.refused("POST", "/sessions", 404, "no_such_quote", json={"quote_id": quote_id})
        mine = {things[who.user_id]["session"]}
        assert {one["id"] for one in who.asks("GET", "/sessions")["sessions"]} == mine
        assert {line["session_id"] for line in who.asks("GET", "/wallet/statement")["lines"]} <= {None, *mine}
        assert who.balance() == {"available": 6200, "held": 3800, "refunding": 0}
    assert driving.now_by_id(things[chen.user_id]["session"]).stop_wanted_at is None


def test_the_same_key_of_two_people_is_two_wishes(lin: Person, chen: Person, world: World) -> None:
    wish = {"channel": "sandbox", "amount": {"amount_minor": 5000, "currency": "CNY"}}
    orders = {who.asks("POST", "/wallet/topups", key="same-key", json=wish)["topup"]["id"] for who in (lin, chen)}
    assert len(orders) == 2


ROUTES = [
    ("GET", "/wallet"), ("POST", "/wallet/topups"), ("GET", "/wallet/topups/T1"), ("POST", "/wallet/refunds"),
    ("GET", "/wallet/refunds"), ("GET", "/wallet/refunds/preview?amount_minor=1&currency=CNY"),
    ("GET", "/wallet/statement"), ("POST", "/quotes"), ("POST", "/sessions"), ("GET", "/sessions"),
    ("GET", "/sessions/S1"), ("POST", "/sessions/S1/stop"), ("GET", "/sessions/S1/receipt"),
]  # fmt: skip
BODIES = {
    "/wallet/topups": {"channel": "sandbox", "amount": {"amount_minor": 1, "currency": "CNY"}},
    "/wallet/refunds": {"amount": "all"},
    "/quotes": {"gun": {"operator_id": "A", "id": "B"}, "kwh": "20"},
    "/sessions": {"quote_id": "Q"},
}


@pytest.mark.parametrize(("method", "path"), ROUTES)
def test_nothing_without_a_login(client: FlaskClient, method: str, path: str) -> None:
    answer = client.open(API + path, method=method, json=BODIES.get(path), headers={"Idempotency-Key": "12345678"})
    assert answer.status_code == 401, answer.json
    assert models.Error.model_validate(answer.json).error.code == "not_logged_in"


@pytest.mark.parametrize("path", ["/wallet/topups", "/wallet/refunds", "/sessions"])
def test_what_moves_money_needs_a_key(lin: Person, path: str) -> None:
    answer = lin.client.post(API + path, json=BODIES[path], headers={"Authorization": f"Bearer {lin.token}"})
    assert (answer.status_code, answer.get_json()["error"]["code"]) == (400, "idempotency_key_missing")


def test_a_cookie_alone_moves_nothing(client: FlaskClient, world: World) -> None:
    assert client.post(f"{API}/auth/local", json={"name": "lin", "cookie": True}).status_code == 200
    assert client.get(f"{API}/wallet").status_code == 200
    for path in ("/wallet/topups", "/wallet/refunds", "/sessions", "/quotes", "/sessions/S1/stop"):
        answer = client.post(API + path, json=BODIES.get(path), headers={"Idempotency-Key": "12345678"})
        assert (answer.status_code, answer.get_json()["error"]["code"]) == (403, "not_from_our_page")
    assert world.payments.orders == {}


AMOUNTS: list[Any] = [
    None, 0, -1, 1.5, "5000", True, [], {}, 10**13, 10**40, float("nan"),
    {"amount_minor": 0, "currency": "CNY"}, {"amount_minor": -5, "currency": "CNY"},
    {"amount_minor": 50.0, "currency": "CNY"}, {"amount_minor": "50", "currency": "CNY"},
    {"amount_minor": True, "currency": "CNY"}, {"amount_minor": 10**13, "currency": "CNY"},
    {"amount_minor": 5000, "currency": "cny"}, {"amount_minor": 5000, "currency": "元"},
    {"amount_minor": 5000, "currency": "C\x00Y"}, {"amount_minor": 5000}, {"currency": "CNY"},
    {"amount_minor": 5000, "currency": "CNY", "more": 1}, {"amount_minor": 5000, "currency": "XXX"},
    "everything", "\ud800",
]  # fmt: skip


def test_malformed_amounts_are_refused(lin: Person, world: World) -> None:
    headers = {"Authorization": f"Bearer {lin.token}"}
    bodies = [
        (path, body)
        for amount in AMOUNTS
        for path, body in (
            ("/wallet/topups", {"channel": "sandbox", "amount": amount}),
            ("/wallet/refunds", {"amount": amount}),
            ("/sessions", {"quote_id": "Q", "grow_to": amount or 5}),
        )
    ]
    for number, (path, body) in enumerate(bodies):
        text, key = json.dumps(body), {"Idempotency-Key": f"malformed-{number}"}
        answer = lin.client.post(API + path, data=text, content_type="application/json", headers=headers | key)
        assert answer.status_code in (400, 404), (path, text, answer.get_data(as_text=True))
        assert models.Error.model_validate(answer.json)
    assert world.payments.orders == {}


ODD = ["%00", "a%00b", "%2e%2e", "%ff", "a'b", "x" * 65, "%F0%9F%94%8B", "%ED%A0%80", "null", "0", "-1"]


def test_malformed_ids_and_pages_are_no_fault_of_ours(lin: Person) -> None:
    headers = {"Authorization": f"Bearer {lin.token}"}
    for odd in ODD:
        for path in (f"/wallet/topups/{odd}", f"/sessions/{odd}", f"/sessions/{odd}/receipt"):
            assert lin.client.get(API + path, headers=headers).status_code in (400, 404), path
        for path in (f"/wallet/statement?before={odd}", f"/wallet/statement?limit={odd}", f"/sessions?before={odd}"):
            assert lin.client.get(API + path, headers=headers).status_code in (200, 400), path
    for path in ("/wallet/statement?before=99999999999999999999", "/sessions?before=2026-01-01T00:00:00",
                 "/sessions?before=0001-01-01T00:00:00%2B00:00", "/sessions?limit=101",
                 "/wallet/refunds/preview?amount_minor=99999999999999999999&currency=CNY"):  # fmt: skip
        assert lin.client.get(API + path, headers=headers).status_code == 400, path


GUNS: list[Any] = [
    None, {}, {"operator_id": "A"}, {"operator_id": "", "id": "B"}, {"operator_id": "\x00", "id": "B"},
    {"operator_id": "A" * 200, "id": "B"}, {"operator_id": "\ud800", "id": "B"}, {"operator_id": 5, "id": "B"},
]  # fmt: skip
ENERGIES: list[Any] = ["0", "-1", "NaN", "Infinity", "1e400", "x", None, [], 10**30]


def test_malformed_guns_and_energies_are_refused(lin: Person, driving: Driving) -> None:
    ref = driving.guns[0]
    good = {"operator_id": ref.operator_id, "id": ref.connector_id}
    wishes = [{"gun": gun, "kwh": "20"} for gun in GUNS] + [{"gun": good, "kwh": kwh} for kwh in ENERGIES]
    for wish in wishes:
        text, headers = json.dumps(wish), {"Authorization": f"Bearer {lin.token}"}
        answer = lin.client.post(f"{API}/quotes", data=text, content_type="application/json", headers=headers)
        assert answer.status_code == 400, text


def test_everything_is_described(client: FlaskClient) -> None:
    doc = client.get(f"{API}/openapi.json").get_json()
    for method, path in ROUTES:
        route = f"{API}{path.split('?')[0].replace('/T1', '/{topup_id}').replace('/S1', '/{session_id}')}"
        operation = doc["paths"][route][method.lower()]
        assert operation["summary"]
        assert operation["security"] == [{"bearer": []}]
        assert "application/json" in operation["responses"]["200"]["content"]
        if path in ("/wallet/topups", "/wallet/refunds", "/sessions") and method == "POST":
            assert "Idempotency-Key" in [one["name"] for one in operation["parameters"]]


def test_refusals_do_not_use_the_key_up(lin: Person, world: World) -> None:
    wish = {"channel": "sandbox", "amount": {"amount_minor": 5000, "currency": "CNY"}}
    with world.payments.silent():
        lin.refused("POST", "/wallet/topups", 503, "payment_not_ready", key="patient-wish", json=wish)
    made = lin.asks("POST", "/wallet/topups", key="patient-wish", json=wish)
    assert made["topup"]["state"] == "pending"
    assert len(lin.asks("GET", "/wallet")["waiting"]) == 1
    assert yuan(50).amount_minor == made["topup"]["amount"]["amount_minor"]
