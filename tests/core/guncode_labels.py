"""Labels as they stand on guns: for every rule of core.guncode a writer that knows what it wrote.

The writers follow the notes on the codes, not the parser. They draw their ids from a `Source`: hypothesis looks for
trouble, a seeded source makes the list of real forms.
"""

from __future__ import annotations

import json
import random
import string
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, Protocol, TypeVar
from urllib.parse import quote

from hypothesis import strategies as st

from core.guncode import gun_payload
from core.station import ConnectorRef

T = TypeVar("T")
DIGITS, CAPITALS = string.digits, string.ascii_uppercase
ALNUM = string.ascii_letters + DIGITS
ID = ALNUM + "_-."


class Source(Protocol):
    def text(self, alphabet: str, least: int, most: int) -> str: ...

    def pick(self, items: Sequence[T]) -> T: ...


class Seeded:
    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)

    def text(self, alphabet: str, least: int, most: int) -> str:
        return "".join(self.random.choices(alphabet, k=self.random.randint(least, most)))

    def pick(self, items: Sequence[T]) -> T:
        return self.random.choice(items)


@lru_cache
def _texts(alphabet: str, least: int, most: int) -> st.SearchStrategy[str]:
    return st.text(alphabet=alphabet, min_size=least, max_size=most)  # dear to build


class Drawn:
    """Over hypothesis."""

    def __init__(self, draw: Callable[[st.SearchStrategy[Any]], Any]) -> None:
        self.draw = draw

    def text(self, alphabet: str, least: int, most: int) -> str:
        return self.draw(_texts(alphabet, least, most))

    def pick(self, items: Sequence[T]) -> T:
        return items[self.draw(st.integers(0, len(items) - 1))]


@dataclass(frozen=True)
class Label:
    """What is printed, and what it must be read as: fields of GunCode."""

    text: str
    says: dict[str, Any] = field(default_factory=dict)


def _operator(of: Source) -> str:
    return of.text(CAPITALS + DIGITS, 9, 9)


def _evse(of: Source, operator: str = "", country: str = "") -> str:
    country = country or of.pick(["DE", "FR", "CH", "AT", "NL", "GB", "NO", "BE"])
    operator = operator or of.text(CAPITALS + DIGITS, 3, 3)
    return f"{country}*{operator}*E{of.text(CAPITALS + DIGITS, 1, 1)}{of.text(CAPITALS + DIGITS + '*', 0, 29)}"


def _key(evse_id: str) -> str:
    return evse_id.replace("*", "").replace("-", "").upper()


# --- China --------------------------------------------------------------------------------------------------


def hlht(of: Source) -> Label:
    own, operator = of.text(ID, 1, 26), _operator(of)
    rest = of.pick(["", "/", "/hlht", "/qrcode", "/" + of.text(ALNUM + "/?=:&.", 0, 30)])
    return Label(
        f"hlht://{own}.{operator}{rest}",
        {
            "operator_id": operator,
            "connector_id": own,
            "rest": rest[1:],
            "candidates": (ConnectorRef(operator, own),),
        },
    )


def _starcharge_gun(of: Source) -> tuple[str, str]:
    """The number on the label and the whole one, by the operator's instruction."""
    pile = of.text(DIGITS, 8, 8)
    gun = of.text(DIGITS, 2, 2)
    return of.pick([(pile, f"11{'0' * 13}{pile}000"), (pile + gun, f"12{'0' * 13}{pile}0{gun}")])


def starcharge(of: Source) -> Label:
    short, whole = _starcharge_gun(of)
    head = of.pick(["https://qrcode.starcharge.com/#/", "https://qrcode.starcharge.com/r#", ""])
    said = {"connector_id": whole, "short_code": short, "guess": not head}
    if head:
        said |= {"operator_id": "313744932", "candidates": (ConnectorRef("313744932", whole),)}
    return Label(head + short, said)


def ykc(of: Source) -> Label:
    head = "http://www.ykccn.com/MPAGE/index.html?pNum="
    pile, gun = of.text(DIGITS, 14, 14), of.text(DIGITS, 2, 2)
    whole = {"connector_id": pile + gun, "pile_id": pile, "candidates": (ConnectorRef("MA1MY0GF9", pile + gun),)}
    return of.pick(
        [
            Label(head + pile + gun, {"operator_id": "MA1MY0GF9"} | whole),
            Label(head + pile, {"operator_id": "MA1MY0GF9", "pile_id": pile, "names": "pile"}),
        ]
    )


def sgcc(of: Source) -> Label:
    device, mac = of.text(ALNUM, 1, 24), of.pick(["FFFFFFFFFFFF", of.text("0123456789ABCDEF", 12, 12)])
    many, gun = of.pick(["M&", ""]), f"00{of.text(DIGITS, 1, 1)}"
    vendor, version, kind = of.text(DIGITS, 4, 4), of.pick(["1.0.0", "1.0.1"]), of.pick(["3", "1"])
    text = f"{many}qrcode=gwwl//:{vendor}:{version}:{kind}:{device}:{mac}:{gun}"
    return Label(
        f"https://cdn-evone-oss.echargenet.com/IntentServe/index.html?{text}",
        {"connector_id": device + gun, "pile_id": device, "short_code": gun, "guess": True},
    )


def xiaoju(of: Source) -> Label:
    operator, own = _operator(of), of.text(ALNUM, 1, 26)
    return Label(
        f"https://epower.xiaojukeji.com/epower/static/resources/xcxconf/XIAOJU.{operator}.{own}",
        {"operator_id": operator, "connector_id": own, "candidates": (ConnectorRef(operator, own),)},
    )


def csg(of: Source) -> Label:
    pile, gun = of.text(ALNUM, 1, 20), of.pick([str(n) for n in range(1, 25)])
    query = [f"pileNo={pile}", f"gunNo={gun}", f"qrcode={pile}{int(gun):02d}"]
    order = of.pick([query, query[::-1]])
    own = f"{pile}_{gun}"
    return Label(
        f"https://www.wodeev.com/ast/api/v0.1/guns/qrcode?{'&'.join(order)}",
        {"operator_id": "MA5DT8Q54", "connector_id": own, "candidates": (ConnectorRef("MA5DT8Q54", own),)},
    )


def gongniu(of: Source) -> Label:
    own = of.text(ID, 1, 26)
    return Label(f"https://evse.gongniu.cn/car.html?qRCode={own}", {"connector_id": own, "guess": True})


def towercharge(of: Source) -> Label:
    own = of.text(ID, 1, 26)
    return Label(
        f"https://www.ahttcd.cn/towercharge/open?equipmentid={own}", {"names": "pile", "pile_id": own, "guess": True}
    )


def nengjia(of: Source) -> Label:
    own = of.text(ID, 1, 26)
    return Label(f"https://wechat.xiangnengnengjia.com?scanid={own}", {"connector_id": own, "guess": True})


def camsnetec(of: Source) -> Label:
    own = of.text(ALNUM, 6, 26)
    return Label(f"https://qrcode.camsnetec.com/#/{own}", {"operator_id": "MA59J8YL8", "connector_id": own})


# --- elsewhere ----------------------------------------------------------------------------------------------


def _in_query(*heads: str, operator: str = "", after: str = "") -> Callable[[Source], Label]:
    def write(of: Source) -> Label:
        printed = _evse(of, operator)
        name, sent = of.pick(["evseid", "evseId", "EVSEID"]), of.pick([printed, quote(printed, safe="")])
        head = of.pick(list(heads))
        return Label(f"{head}?{name}={sent}{after}", {"evse_id": printed, "candidates": (_key(printed),)})

    return write


def _in_path(*heads: str) -> Callable[[Source], Label]:
    def write(of: Source) -> Label:
        printed = _evse(of)
        sent = of.pick([printed, quote(printed, safe="")])
        return Label(of.pick(list(heads)) + sent, {"evse_id": printed, "candidates": (_key(printed),)})

    return write


def evse(of: Source) -> Label:
    """Plain, in all ways of writing it."""
    starred = _evse(of)
    dashed = starred.replace("*", "-", 2).replace("*", "")
    bare = starred.replace("*", "") + "1"  # a digit tells it from a word
    glued = starred[:6] + starred[7:]  # CH*REPE020*01*1, as a register prints it
    din = f"+{of.pick(['49', '41', '352'])}*{of.text(DIGITS, 3, 6)}*{of.text(DIGITS, 1, 20)}"
    forms = [
        Label(starred, {"evse_id": starred, "candidates": (_key(starred),)}),
        Label(starred.lower(), {"evse_id": starred.lower(), "candidates": (_key(starred),)}),
        Label(f" {starred}\n", {"evse_id": starred, "candidates": (_key(starred),)}),
        Label(glued, {"evse_id": glued, "candidates": (_key(glued),)}),
        Label(dashed, {"evse_id": dashed, "candidates": (_key(dashed),)}),
        Label(bare, {"evse_id": bare, "candidates": (bare,), "guess": True}),
        Label(din, {"evse_id": din, "candidates": (din[1:],)}),
        Label(din[1:], {"evse_id": din[1:], "candidates": (din[1:],)}),
        Label(f"EVSE-ID: {starred} ", {"evse_id": starred, "candidates": (_key(starred),)}),
    ]
    return of.pick(forms)


def json_form(of: Source) -> Label:
    printed, own, operator = _evse(of), of.text(ALNUM, 1, 26), _operator(of)
    pile, gun = of.text(ALNUM, 1, 20), of.text(DIGITS[1:], 1, 1)
    sap = {"tenantSubDomain": "t", "tenantName": "T", "endpoint": "https://x.example", "chargingStationID": pile}
    forms = [
        Label(json.dumps(sap | {"connectorID": int(gun)}), {"pile_id": pile, "short_code": gun, "guess": True}),
        Label(json.dumps({"evseId": printed}), {"evse_id": printed, "candidates": (_key(printed),)}),
        Label(
            json.dumps({"OperatorID": operator, "ConnectorID": own}),
            {"operator_id": operator, "connector_id": own, "candidates": (ConnectorRef(operator, own),)},
        ),
    ]
    return of.pick(forms)


def own(of: Source) -> Label:
    ref = of.pick(
        [
            ConnectorRef(_operator(of), of.text(ID, 1, 26)),
            ConnectorRef("DEABC", _evse(of)[:38]),
            ConnectorRef("上海", "枪-" + of.text(DIGITS, 1, 3)),
        ]
    )
    head = of.pick(["https://t.me/kilowatch_bot?start=", "tg://resolve?domain=kilowatch_bot&start=", ""])
    said = {"operator_id": ref.operator_id, "connector_id": ref.connector_id, "candidates": (ref,)}
    return Label(head + gun_payload(ref), said)


def number(of: Source) -> Label:
    """Typed from a gun; 8 and 10 digits are StarCharge's."""
    typed = of.pick(
        [of.text(DIGITS, 4, 7), of.text(DIGITS, 11, 26), of.text(DIGITS, 2, 3), of.text(DIGITS, 3, 20) + "_1"]
    )
    said = {"connector_id": typed, "candidates": (ConnectorRef("", typed),), "guess": True}
    return Label(typed, said)


WRITERS: dict[str, Callable[[Source], Label]] = {
    "hlht": hlht,
    "starcharge": starcharge,
    "ykc": ykc,
    "sgcc": sgcc,
    "xiaoju": xiaoju,
    "csg": csg,
    "gongniu": gongniu,
    "towercharge": towercharge,
    "nengjia": nengjia,
    "camsnetec": camsnetec,
    "intercharge": _in_query("https://m.intercharge.eu/evse/show", "http://m.intercharge.eu/qr"),
    "elli": _in_query("https://charge.elli.eco/"),
    "lidl": _in_query("https://e-mobility.lidl.de/qr", operator="LDL"),
    "smatrics": _in_query("https://smatrics.com/start-charging"),
    "aral": _in_query("https://www.aral-pulse.de/webshop/details", operator="BPE"),
    "beenergised": _in_query(
        "https://community.beenergised.cloud/infrastructure/direct_payment/process/start", after="&locale=en_US"
    ),
    "enercity": _in_path("https://laden.enercity.de/"),
    "chargedrive": _in_path("https://pay.chargedrive.com/"),
    "oncharge": _in_path("https://qr.on-charge.com/"),
    "chargepoint-services": _in_path("https://www.chargepoint-services.com/", "www.chargepoint-services.com/"),
    "evse": evse,
    "json": json_form,
    "own": own,
    "number": number,
}

# Samples of single labels that public sources show.
SAMPLES = (
    "https://qrcode.starcharge.com/#/10050638",
    "https://qrcode.starcharge.com/#/1012081501",
    "https://qrcode.starcharge.com/r#10000001",
    "https://qrcode.starcharge.com/#/10050638000",
    "10004451",
    "1012081501",
    "hlht://3702030162102.395815801/",
    "hlht://3702030162102.395815801",
    "hlht://00000000020000002790001001.328096210/",
    "hlht://47756771.MA59CU773/",
    "hlht://32010600208123D1.MA27YQ0R4/",
    "hlht://20190506100201.987654321/hlht",
    "hlht://1.123456789/qrcode",
    "hlht://32010600208123D1.MA27YQ0R4/A0B1C2D3E4F5",
    "https://qrcode.camsnetec.com/#/1235256802",
    "https://m.intercharge.eu/evse/show?evseid=DE*HUB*030*000012",
    "http://m.intercharge.eu/qr?evseid=CH*ION*E213604",
    "https://www.aral-pulse.de/webshop/details?evseid=DE*BPE*E000123*1",
    "https://community.beenergised.cloud/infrastructure/direct_payment/process/start?evseid=DE*KDL*E00000672"
    "&locale=en_US",
    "DE*GCE*EACCC00161571",
    "DE*DES*E*BMW*0113*2",
    "CH*REPE020*01*1",
    "DESWME052601",
    "CHLDLE00000016",
    "+49*839*0123456",
    "+41*031*1190*1",
)


def real_codes(each: int = 15) -> list[str]:
    """Samples, and `each` labels in the form of every rule."""
    written = [write(Seeded(seed)).text for write in WRITERS.values() for seed in range(each)]
    return [*SAMPLES, *written]
