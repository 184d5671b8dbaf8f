"""False stickers by kind, each with the gun that it would lead to if it were believed; real labels with theirs."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from core.guncode import RULES, Names, parse
from core.guncode.hosts import PAYMENT_HOSTS, SHORTENERS
from core.station import ConnectorRef
from tests.core.guncode_labels import WRITERS, Seeded, real_codes

STARCHARGE = ConnectorRef("313744932", "11000000000000010050638000")
LIDL = ConnectorRef("DELDL", "DE*LDL*E00001")

TWINS = {"a": "а", "c": "с", "e": "е", "o": "о", "p": "р", "i": "і", "s": "ѕ", "h": "һ", "y": "у", "x": "х", "n": "п"}
SHAPES = {"o": "0", "l": "1", "i": "1", "m": "rn", "w": "vv", "e": "3", "s": "5", "a": "á", "g": "ɡ"}
HOSTS = sorted({(host, rule.name) for rule in RULES for host in rule.hosts})


class Sticker(NamedTuple):
    kind: str
    text: str
    gun: ConnectorRef


def gun_of(text: str) -> ConnectorRef:
    """A gun in the catalogue that this code names, so that only the rest of the code can speak against it."""
    code = parse(text)
    if not code.candidates:
        return ConnectorRef(code.operator_id, f"{code.pile_id}01") if code.pile_id else STARCHARGE
    first = code.candidates[0]
    if isinstance(first, str):
        return ConnectorRef(first[:5], first)
    return first if first.operator_id else ConnectorRef("MA0000000", first.connector_id)


def lookalikes(host: str) -> Iterator[tuple[str, str]]:
    """What somebody registers, or writes before an @, to be taken for this host."""
    name = host.split(".")[-2]
    at = host.rindex(name)
    for number, letter in enumerate(name):
        for kind, others in (("letters of another script", TWINS), ("shapes alike", SHAPES)):
            if letter in others:
                yield kind, host[: at + number] + others[letter] + host[at + number + 1 :]
    if len(name) > 5:  # a slip in a shorter one makes another name: an unknown host, which is asked about
        for number in range(1, len(name) - 1):
            head, tail = host[: at + number], host[at + number :]
            yield "a slip", head + tail[1:]
            yield "a slip", head + tail[0] + tail
            if tail[0] != tail[1]:
                yield "a slip", head + tail[1] + tail[0] + tail[2:]
    for other in (
        f"{host}.pay-ev.top",
        f"{host.replace('.', '-')}.top",
        f"{name}-pay.com",
        f"{name}.shop",
        f"www.{name}.{host}.evil.example",
    ):
        yield "the name in another host", other
    for other in (f"{host}@evil.example", f"{host}:8443@evil.example", f"user@{host}"):
        yield "before an @", other
    for other in (f"{host}\\@evil.example", f"evil.example\\{host}"):
        yield "a backslash", other
    yield "another port", f"{host}:8443"
    wide = "".join(chr(ord(letter) + 0xFEE0) if letter.isalnum() else letter for letter in host)
    yield "letters of another script", wide
    yield "punycode", host[:at] + (name[0] + "\u0430" + name[1:]).encode("idna").decode() + host[at + len(name) :]
    yield "hidden characters", host[:2] + "\u200b" + host[2:]


def stickers(seeds: int = 3) -> Iterator[Sticker]:
    for host, name in HOSTS:
        for seed in range(seeds):
            true = WRITERS[name](Seeded(seed)).text
            if host in true:
                for kind, false in lookalikes(host):
                    yield Sticker(kind, true.replace(host, false, 1), gun_of(true))
    evse = LIDL.connector_id
    for short in sorted(SHORTENERS):
        yield Sticker("shortener", f"https://{short}/?evseid={evse}", LIDL)
    for end in PAYMENT_HOSTS:
        yield Sticker("payment", f"https://www.{end}/qr?evseid={evse}", LIDL)
    for head in ("https://paypal.me/lidl", "https://qr.alipay.com/fkx", "https://payapp.weixin.qq.com/qr/AQ"):
        yield Sticker("payment", f"{head}?evseid={evse}", LIDL)
    for head in ("https://buy.stripe.com/x", "https://wx.tenpay.com/x", "https://revolut.me/x"):
        yield Sticker("payment", f"{head}/{evse}", LIDL)
    yield Sticker("payment", f"weixin://wxpay/bizpayurl?pr={evse}", LIDL)
    yield Sticker("payment", f"alipays://platformapi/startapp?evseid={evse}", LIDL)
    yield Sticker("javascript: and data:", f"javascript:location='https://e-mobility.lidl.de/qr?evseid={evse}'", LIDL)
    yield Sticker("javascript: and data:", f"JaVaScript:https://e-mobility.lidl.de/qr?evseid={evse}", LIDL)
    yield Sticker("javascript: and data:", f"\tdata:text/html,{evse}", LIDL)
    for ip in ("10.0.0.1", "2130706433", "0x7f.1", "[::1]"):
        yield Sticker("a number for a host", f"https://{ip}/qr?evseid={evse}", LIDL)
    for other in ("DE*EBW*E1", "FR*BPE*E1"):  # another operator's id on Lidl's host
        ref = ConnectorRef(other.replace("*", "")[:5], other)
        yield Sticker("another operator's id", f"https://e-mobility.lidl.de/qr?evseid={other}", ref)
    yield Sticker("another operator's id", f"https://www.aral-pulse.de/webshop/details?evseid={evse}", LIDL)
    # StarCharge's number as TELD's.
    yield Sticker("another operator's id", f"hlht://{STARCHARGE.connector_id}.395815801/", STARCHARGE)


def real_labels(each: int) -> list[Sticker]:
    """Labels that name a gun, or a pile with one gun."""
    named = [text for text in real_codes(each) if parse(text).names is not Names.STATION]
    return [Sticker("real", text, gun_of(text)) for text in named]
