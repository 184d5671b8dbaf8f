"""Hosts: which imitate an operator's, which shorten links, where money is taken.

A look-alike is told from an unknown host by its letters alone; nothing is resolved.
"""

from __future__ import annotations

import ipaddress
import re
import unicodedata
from collections.abc import Iterable
from functools import lru_cache

from core.guncode.code import Oddity
from core.guncode.web import Address, normal_host, shown_host

SHORTENERS = frozenset({
    "bit.ly", "j.mp", "tinyurl.com", "goo.gl", "t.co", "t.cn", "url.cn", "w.url.cn", "dwz.cn", "dwz.mk", "suo.im",
    "suo.yt", "mrw.so", "is.gd", "v.gd", "cutt.ly", "rb.gy", "rebrand.ly", "ow.ly", "buff.ly", "s.id",
    "shorturl.at", "lnkd.in", "tiny.cc", "t.ly", "qrco.de", "qr.link", "q-r.to", "qr1.be", "me-qr.com", "scnv.io",
    "l.ead.me", "hyperl.ink", "kurzelinks.de", "u.nu", "chrg.me", "3.cn", "c7.gg", "sourl.cn", "s.yam.com",
    "reurl.cc", "b23.tv", "dlvr.it", "bl.ink", "short.io", "soo.gd", "x.gd", "da.gd", "clck.ru", "vk.cc", "u.to",
    "goo.su", "shorter.me", "surl.li", "ouo.io", "adf.ly",
})  # fmt: skip
# The end of a host where a stranger can have money sent to.
PAYMENT_HOSTS = (
    *("alipay.com", "alipayobjects.com", "tenpay.com", "payapp.weixin.qq.com", "pay.weixin.qq.com", "95516.com"),
    *("paypal.com", "paypal.me", "paypal.cn", "revolut.me", "revolut.com", "monzo.me", "cash.app", "venmo.com"),
    *("stripe.com", "square.link", "squareup.com", "sumup.com", "sumup.link", "mollie.com", "tikkie.me", "bunq.me"),
    *(
        "wise.com",
        "lydia-app.com",
        "satispay.com",
        "twint.ch",
        "vipps.no",
        "mobilepay.dk",
        "swish.nu",
        "payconiq.com",
    ),
    *("wero-wallet.eu", "klarna.com", "adyen.link", "pay.google.com", "checkout.com", "paytm.com", "phonepe.com"),
    *("mercadopago.com", "pagseguro.com.br", "coinbase.com", "ko-fi.com", "buymeacoffee.com", "gofundme.com"),
)
PAYMENT_SCHEMES = frozenset({
    "alipay", "alipays", "alipayqr", "wxp", "bitcoin", "bitcoincash", "litecoin", "ethereum", "lightning",
    "dogecoin", "monero", "upi", "payto", "paypal", "swish", "vipps", "twint", "bank", "venmo", "cashapp", "upwrp",
    "uppaywallet",
})  # fmt: skip
# A bank transfer (EPC), a merchant's EMV code as used from Brazil to Singapore, WeChat Pay in its own scheme.
PAYMENT_TEXTS = re.compile(
    r"BCD\r?\n00[12]\r?\n|0002010[12]|00020101021[12]|weixin://wxpay|SPC\r?\n0[12]00", re.IGNORECASE
)
ACTIVE_SCHEMES = frozenset({
    "javascript", "data", "vbscript", "blob", "file", "intent", "content", "filesystem", "view-source", "about",
    "jar", "chrome",
})  # fmt: skip

# Letters that look like another, after compatibility forms are folded and accents taken off. Of i, l and 1 the eye
# makes one.
_LIKE = str.maketrans(
    {
        look: letter
        for letter, looks in {
            "a": "аα@", "b": "вƅ8", "c": "сϲ", "d": "ԁđ", "e": "еε3", "g": "ԍցɡ", "h": "нһ", "i": "іιıӏǀ|łl1!",
            "j": "ј", "k": "кκƙ", "m": "м", "n": "пη", "o": "оοօø0", "p": "рρƿ", "q": "ԛ", "r": "г", "s": "ѕ5$",
            "t": "тτ", "u": "υպ", "v": "νѵʋ", "w": "ωԝ", "x": "хχ", "y": "уγ",
        }.items()
        for look in looks
    }
)  # fmt: skip
_PAIRS = (("rn", "m"), ("vv", "w"))
_SECOND_LEVELS = frozenset({"com", "co", "net", "org", "gov", "edu", "ac"})
# Made of ordinary words: other people's names contain them too.
_ORDINARY = frozenset({"oncharge", "chargedrive", "intercharge", "echargenet", "chargepointservices"})
_LEAST_BRAND = 6  # shorter names are found inside ordinary words


class OfficialHosts:
    """The hosts of operators, and what imitates them."""

    def __init__(self, hosts: Iterable[str]) -> None:
        self.hosts = frozenset(hosts)
        self.domains = {_domain(host) for host in self.hosts}
        self._brands: dict[str, str] = {}
        for host in sorted(self.hosts):
            name = _bare(_domain(host).partition(".")[0])
            if len(name) > 2:  # the t of t.me is no name
                self._brands.setdefault(name, host)
        self._skeletons = {_bare(host): host for host in sorted(self.hosts)}

    def imitated(self, host_normal: str) -> str:
        """The official host that this one imitates; "" for one that imitates none."""
        if not host_normal or host_normal in self.hosts:
            return ""
        shown = shown_host(host_normal)
        skeleton = _bare(shown)
        if _domain(host_normal) in self.domains:
            return ""
        return self._skeletons.get(skeleton) or self._brand_in(shown) or ""

    def _brand_in(self, shown: str) -> str:
        own = _bare(_domain(shown).partition(".")[0])
        labels = {_bare(label) for label in shown.split(".")}
        words = {run for label in shown.split(".") for run in _runs(label)}
        for brand, host in self._brands.items():
            inside = len(brand) >= _LEAST_BRAND and brand not in _ORDINARY and any(brand in label for label in labels)
            if brand in words or inside or _nearly(own, brand):
                return host
        return ""


def oddities_of(address: Address, official: OfficialHosts) -> tuple[list[Oddity], str]:
    """What is odd about the host, and the official one where it imitates one."""
    odd: list[Oddity] = []
    host = address.host_normal
    if address.userinfo:
        odd.append(Oddity.USERINFO)
    if "\\" in address.tail:
        odd.append(Oddity.BACKSLASH)
    if _is_ip(host):
        odd.append(Oddity.IP_ADDRESS)
    if any(label.startswith("xn--") for label in address.host.lower().split(".")):
        odd.append(Oddity.PUNYCODE)
    if mixes_scripts(shown_host(address.host)) or (not host and address.host):
        odd.append(Oddity.MIXED_SCRIPTS)
    if host in SHORTENERS or host.removeprefix("www.") in SHORTENERS:
        odd.append(Oddity.SHORTENER)
    if any(host == end or host.endswith("." + end) for end in PAYMENT_HOSTS):
        odd.append(Oddity.PAYMENT_PAGE)
    # What is written in other letters is not the official host, even where it leads there.
    known = host in official.hosts and address.host.isascii()
    imitated = host if host in official.hosts and not known else official.imitated(host)
    pretended = normal_host(address.userinfo.split(":")[0].rstrip("@"))
    imitated = pretended if pretended in official.hosts else imitated
    if imitated:
        odd.append(Oddity.LOOKALIKE_HOST)
    if known and address.odd_port:
        odd.append(Oddity.ODD_PORT)
    if not known and not odd:
        odd.append(Oddity.UNKNOWN_HOST)
    return odd, imitated


def mixes_scripts(host: str) -> bool:
    """Letters of two scripts within one label, or of one that only looks Latin."""
    for label in host.split("."):
        scripts = {_script(char) for char in label if char.isalpha()}
        if len(scripts) > 1 or (scripts & {"CYRILLIC", "GREEK"} and _bare(label).isascii()):
            return True
    return False


def _script(char: str) -> str:
    name = unicodedata.name(char, "UNKNOWN")
    script = name.partition(" ")[0]
    return {"CJK": "HAN", "HIRAGANA": "HAN", "KATAKANA": "HAN"}.get(script, script)


def _is_ip(host: str) -> bool:
    # 2130706433 and 0x7f.1 are addresses to a browser, too.
    if re.fullmatch(r"(?:0x[0-9a-f]+|[0-9]+)(?:\.(?:0x[0-9a-f]+|[0-9]+)){0,3}", host):
        return True
    try:
        ipaddress.ip_address(host.strip("[]"))
    except ValueError:
        return False
    return True


def _domain(host: str) -> str:
    """The part somebody registered: near enough without the list of public suffixes."""
    labels = host.split(".")
    deep = len(labels) > 2 and labels[-2] in _SECOND_LEVELS and len(labels[-1]) == 2
    return ".".join(labels[-3:] if deep else labels[-2:])


def _runs(label: str) -> Iterable[str]:
    """The label's words, and words beside each other as one: on-charge-pay has "oncharge" in it."""
    words = label.split("-")[:8]
    for start in range(len(words)):
        for end in range(start + 1, len(words) + 1):
            yield _bare("".join(words[start:end]))


@lru_cache(maxsize=4096)
def _bare(text: str) -> str:
    """The letters as an eye takes them, without dashes; dots stay."""
    folded = unicodedata.normalize("NFKD", unicodedata.normalize("NFKC", text).casefold())
    plain = "".join(c for c in folded if not unicodedata.combining(c)).translate(_LIKE)
    for pair, single in _PAIRS:
        plain = plain.replace(pair, single)
    return re.sub(r"[-_‐-―−]", "", plain)


def _nearly(one: str, other: str) -> bool:
    """One slip of the pen apart; two in a long name that is no ordinary word. Nobody misreads the first letter."""
    most = 2 if len(other) >= 9 and other not in _ORDINARY else 1 if len(other) >= 5 else 0
    near = one != other and one[:1] == other[:1] and abs(len(one) - len(other)) <= most
    return near and _slips(one, other, most) <= most


def _slips(one: str, other: str, most: int) -> int:
    """Letters inserted, dropped, changed or exchanged between two names; counting stops above `most`."""
    before: list[int] = []
    row = list(range(len(other) + 1))
    for i, a in enumerate(one, 1):
        last, before, row = before, row, [i]
        for j, b in enumerate(other, 1):
            cost = min(before[j] + 1, row[-1] + 1, before[j - 1] + (a != b))
            if i > 1 and j > 1 and a == other[j - 2] and one[i - 2] == b:
                cost = min(cost, last[j - 2] + 1)
            row.append(cost)
        if min(row) > most:
            return most + 1
    return row[-1]
