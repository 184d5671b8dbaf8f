"""What the API takes and gives about logging in and about the person, as OpenAPI schemas."""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from bots.miniapp.models import DecimalText, Model, Moment, Money
from core.station import Plug
from core.user import LANGUAGES, Channel
from core.wishes import LEAST_KWH, MOST_KWH, Mode

LANGUAGE = Literal["zh-CN", "en"]
assert set(LANGUAGE.__args__) == set(LANGUAGES)  # type: ignore[attr-defined]  # Literal has it at run time
Clock = Annotated[str, Field(pattern=r"^([01]\d|2[0-3]):[0-5]\d$", description="HH:MM on the person's own clock")]


def exact(value: Any) -> Any:
    """A JSON number as it is written: 40.1 is not 40.10000000000000142."""
    return str(value) if isinstance(value, float) else value


Kwh = Annotated[Decimal, BeforeValidator(exact), Field(allow_inf_nan=False, max_digits=9)]


class Body(BaseModel):
    """What is sent to us. Unknown fields are refused: a misspelt one must not be taken for success."""

    model_config = ConfigDict(extra="forbid")


# --- logging in -------------------------------------------------------------------------------------------------


class LoginBody(Body):
    cookie: bool = Field(default=False, description="Set a cookie for our own page instead of giving out the token")


class TelegramLogin(LoginBody):
    init_data: str = Field(max_length=8192, description="`Telegram.WebApp.initData`, at most ten minutes old")


class CodeLogin(LoginBody):
    code: str = Field(max_length=256, description="The code of `wx.login`")


class LocalLogin(LoginBody):
    name: str = Field(default="local", max_length=64, description="Another name is another person")


class Login(Model):
    token: str | None = Field(description="For `Authorization: Bearer`; null where a cookie was set")
    expires_at: Moment = Field(description="Thirty days after the token was used last")
    csrf_token: str | None = Field(
        description="For the header X-CSRF-Token of requests that change something by cookie"
    )
    user_id: str
    new: bool


class LoggedOut(Model):
    ended: int


class LinkBody(Body):
    code: str | None = Field(
        default=None, max_length=128, description="The code from the other chat; none asks for one"
    )
    confirm: bool = Field(default=False, description="Link, and not only say what it would mean")


class LinkAnswer(Model):
    state: Literal["code", "offer", "linked", "unlinked"]
    code: str | None = Field(default=None, description="To be entered in the other chat, once, within ten minutes")
    expires_at: Moment | None = None
    telegram_url: str | None = None
    channel: Channel | None = Field(default=None, description="The side that asked, or that left")
    label: str | None = Field(default=None, description="What the side that asked is called there")
    brings: list[Money] | None = Field(default=None, description="Money that both sides will share")


# --- the person -------------------------------------------------------------------------------------------------


class CarBody(Body):
    id: str | None = Field(default=None, max_length=64, description="Of a car that is there; none for a new one")
    name: str = Field(default="", max_length=200)
    plug: Plug
    battery_kwh: Kwh
    usable_kwh: Kwh | None = Field(
        default=None, description="What a charge adds at most; 80 % of the battery if unsaid"
    )
    usual: bool = False


class QuietBody(Body):
    start: Clock = Field(alias="from")
    to: Clock


class MeBody(Body):
    """What is left out stays as it is."""

    language: LANGUAGE | None = None
    kwh: Annotated[Decimal, BeforeValidator(exact), Field(ge=LEAST_KWH, le=MOST_KWH)] | None = None
    mode: Mode | None = None
    time_zone: str | None = Field(default=None, max_length=64, description="An IANA name, or empty")
    quiet: QuietBody | None = Field(default=None, description="null ends the quiet hours")
    stopped: bool | None = Field(default=None, description="Nothing is sent unasked, but what concerns money")
    keep_searches: bool | None = Field(
        default=None, description="Consent to keep a 1 km square of each search 30 days"
    )
    cars: list[CarBody] | None = Field(default=None, max_length=50, description="All cars there are to be")


class Car(Model):
    id: str
    name: str
    plug: Plug
    battery_kwh: DecimalText
    usable_kwh: DecimalText
    usual: bool


class Quiet(Model):
    start: str = Field(alias="from")
    to: str


class Me(Model):
    id: str
    language: LANGUAGE
    kwh: DecimalText
    mode: Mode
    time_zone: str
    quiet: Quiet | None
    stopped: bool
    keep_searches: bool
    cars: list[Car]
    channels: list[Channel] = Field(description="How the platforms know the person")
    created_at: Moment


class Export(BaseModel):
    """Everything kept about the person."""

    exported_at: Moment
    user_id: str
    about: str
    kept: dict[str, list[dict[str, Any]]] = Field(description="Rows by table")


class Deleted(Model):
    deleted: bool
    proved: bool = Field(description="No name of the person was found anywhere afterwards")
    names_looked_for: int
