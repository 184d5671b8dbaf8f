"""What the API takes and gives about the wallet and about charges, as OpenAPI schemas."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, StrictInt, field_validator

from bots import history
from bots.miniapp.models import DecimalText, LatLng, Model, Moment, Money, Operator
from bots.miniapp.people_models import Body, Kwh
from bots.miniapp.query import Query
from core.ledger import Cause
from core.payments import RefundState, TopupState
from core.ports import HistoryFilter
from core.scan import Promised
from core.session import SessionState
from core.tariff import Part

MOST_MINOR = 10**12
MOST_NUMBER = 2**63 - 1  # what a database counts to
Id = Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]{1,64}$")]
Word = Annotated[str, Field(pattern=r"^[^\x00-\x1f\x7f]{1,128}$")]
Limit = Annotated[int, Field(ge=1, le=100)]


class WishHeader(BaseModel):
    """Checked where it is used (idempotent.py), which has a sentence for whoever forgot it."""

    key: str | None = Field(
        default=None,
        alias="Idempotency-Key",
        description="Required: 8 to 128 characters, one for each wish. The same one gives the first answer again",
    )


class Reason(Model):
    code: str
    text: str = Field(description="In the language asked for")


# --- the wallet ---------------------------------------------------------------------------------------------------


class Balance(Model):
    available: Money
    held: Money = Field(description="For a charge that is not settled")
    refunding: Money = Field(description="On its way back")
    refundable: Money = Field(description="What can go back now, the way it came")


class Way(Model):
    channel: str
    name: str
    currencies: list[str] = Field(description="The person's own and the usual ones first")
    amounts: list[Money] = Field(description="To choose from, in the first currency")
    promises: bool = Field(description="Can promise the hold of one charge: no money has to be paid in before")


class Topup(Model):
    id: str
    channel: str
    amount: Money
    state: TopupState
    created_at: Moment
    expires_at: Moment
    paid_at: Moment | None
    quote_id: str | None = Field(description="Promised for a charge by this quote alone")
    reference: str = Field(description="The provider's number; empty until it is paid")


class Wallet(Model):
    balances: list[Balance] = Field(description="One per currency; no currency ever becomes another")
    ways: list[Way]
    waiting: list[Topup] = Field(description="Asked for and not paid yet")


class AmountBody(Body):
    amount_minor: Annotated[StrictInt, Field(ge=1, le=MOST_MINOR)]
    currency: Annotated[str, Field(pattern=r"^[A-Z]{3}$")]


class TopupBody(Body):
    """Either an amount to pay in, or a quote whose hold is to be promised."""

    channel: Word
    amount: AmountBody | None = None
    quote_id: Id | None = None


class Pay(Model):
    kind: str = Field(description="`page`: open `url`. `jsapi`, `payscore`: what WeChat's own call takes")
    fields: dict[str, Any]


class TopupAnswer(Model):
    topup: Topup
    pay: Pay


class RefundBody(Body):
    amount: AmountBody | Literal["all"]


class Step(Model):
    state: RefundState
    text: str
    at: Moment


class Refund(Model):
    id: str
    topup_id: str
    channel: str
    way: str
    amount: Money
    state: RefundState
    steps: list[Step] = Field(description="What has happened so far, in this order")
    due_at: Moment
    reference: str = Field(description="The provider's number; empty until it names one")


class RefundWay(Model):
    channel: str
    way: str
    amount: Money


class RefundPreview(Model):
    ways: list[RefundWay]
    due_at: Moment


class RefundAnswer(Model):
    refunds: list[Refund] = Field(description="One for each payment that it goes back to")


class RefundList(Model):
    refunds: list[Refund]
    next: None = None


class LineReason(Reason):
    detail: str = Field(description="Station, gun, operator, price and its version, reference; or the way of payment")


class Line(Model):
    number: int
    at: Moment
    cause: Cause
    reason: LineReason
    available: Money = Field(description="What it did to the free money")
    held: Money
    refunding: Money
    session_id: str | None
    station: str | None
    operator: str | None
    gun: str | None
    tariff_id: str | None = Field(description="The version of the price")
    per_kwh: DecimalText | None
    order_id: str | None = Field(description="Of the top-up or the refund")
    channel: str | None
    reference: str | None


class Statement(Model):
    lines: list[Line]
    next: int | None = Field(description="`before` of the next page")


class StatementQuery(Query):
    before: int | None = Field(default=None, ge=0, le=MOST_NUMBER)
    limit: Limit = 20


class RefundQuery(Query):
    amount_minor: int = Field(ge=1, le=MOST_MINOR)
    currency: str = Field(pattern=r"^[A-Z]{3}$")


# --- charges ------------------------------------------------------------------------------------------------------


class GunBody(Body):
    operator_id: Word
    id: Word


class QuoteBody(Body):
    gun: GunBody = Field(description="`operator_id` and `id` of a connector")
    kwh: Kwh
    station_id: Id | None = Field(default=None, description="None: the cheapest supplier that can start there")


class Gun(Model):
    operator_id: str
    id: str
    label: str


class Quote(Model):
    id: str
    station_id: str
    station: str
    operator: str
    gun: Gun
    kwh: DecimalText
    expected: Money
    parts: dict[Part, DecimalText] = Field(description="What adds up to it before rounding")
    per_kwh: DecimalText
    hold: Money = Field(description="What is held, and the most that is ever paid")
    tariff_id: str
    price_seen_at: Moment | None
    expires_at: Moment


class QuoteAnswer(Quote):
    missing: Money | None = Field(description="What the wallet lacks for the hold")


class SessionBody(Body):
    quote_id: Id
    payment: Word = Field(default="wallet", description="Or the channel that has promised the hold by the same key")
    grow_to: AmountBody | None = Field(default=None, description="How far the hold may grow; never by itself")


class View(Model):
    """A charge as it stands, ready to show."""

    title: str
    lines: list[str]
    may_stop: bool
    goes_on: bool = Field(description="It will change by itself: ask again in a few seconds")


class Alternative(LatLng):
    """Another station with free guns of the same plug."""

    id: str
    name: str
    operator: Operator
    distance_m: int = Field(description="From the gun that did not start")
    free: int
    price: str = Field(description="What the same charge costs there, in words; empty where that is not known")


class Session(Model):
    id: str
    state: SessionState
    text: str
    station_id: str
    station: str
    operator: str
    gun: Gun
    payment: str
    created_at: Moment
    started_at: Moment | None
    ended_at: Moment | None
    energy_kwh: DecimalText | None
    power_kw: DecimalText | None
    soc_percent: DecimalText | None
    seen_at: Moment | None = Field(description="The last word of the supplier")
    cost_so_far: Money | None = Field(description="By the supplier's word, else by the meter and the agreed price")
    hold: Money | None = Field(description="What is held now; null once the bill is booked, or nothing started")
    minutes_left: int | None = Field(description="Until the energy of the quote is in, at the power of now")
    charged: Money | None = Field(description="What was paid, once that is known")
    failure: Reason | None
    quote: Quote
    view: View
    opinion: Promised | None = Field(description="The driver's last word on whether it was as promised")
    asks_opinion: bool = Field(description="Whether to ask that now")
    alternatives: list[Alternative] = Field(
        description="Where else to go after a start that failed, nearest first; in GET /sessions/{id} alone"
    )


class SessionList(Model):
    sessions: list[Session]
    next: str | None = Field(description="`before` of the next page")


class HistoryQuery(Query):
    """Which charges are wanted."""

    since: str = Field(default="", max_length=40, description="2026-11, 2026-11-05 or RFC 3339")
    until: str = Field(default="", max_length=40, description="The same; a day or a month is meant to its end")
    state: list[SessionState] = Field(default=[], description="Any of these; repeat it or separate by commas")
    station: str = Field(default="", max_length=100, description="Its id, or words of its name and its operator")

    @field_validator("state", mode="before")
    @classmethod
    def _split(cls, value: Any) -> Any:
        items = value if isinstance(value, list) else [value]
        return [part.strip() for item in items for part in str(item).split(",") if part.strip()]

    def wanted(self, time_zone: str) -> HistoryFilter:
        """Days are those of this time zone. Raises UserError."""
        return HistoryFilter(
            since=history.moment("since", self.since, time_zone),
            until=history.moment("until", self.until, time_zone, last=True),
            station=self.station,
            states=frozenset(self.state),
        )


class SessionsQuery(HistoryQuery):
    before: str | None = Field(default=None, max_length=40, description="`next` of the page before")
    limit: Limit = 20


class OpinionBody(Body):
    model_config = ConfigDict(json_schema_extra={"examples": [{"promised": "blocked", "words": "A van stood there"}]})

    promised: Promised
    words: str = Field(default="", max_length=2_000)


class OpinionAnswer(Model):
    promised: Promised
    text: str


class SessionPath(Body):
    session_id: Id


class TopupPath(Body):
    topup_id: Id


class Period(Model):
    start: Moment = Field(alias="from")
    to: Moment
    energy_kwh: DecimalText
    energy_price: DecimalText | None
    service_price: DecimalText | None


class Receipt(Model):
    session: Session
    record_id: str | None = Field(description="Of the supplier's charge record; null while there is none")
    billed: Money | None = Field(description="What the supplier asks for")
    by_price: Money | None = Field(description="What the agreed price makes of it")
    as_agreed: bool | None = Field(description="Whether the two fit, within the cents of rounding")
    parts: dict[Part, DecimalText]
    periods: list[Period]
    held: Money | None
    paid: Money
    given_back: Money | None
    borne: Money = Field(description="By us: what goes beyond what was agreed to")
    balance: Money
    notes: list[str]
    promise: str
    page: str = Field(description="Path of the page that prints well")
