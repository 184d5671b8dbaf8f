"""A web address taken apart without changing a letter of it.

`urllib` lower-cases hosts, which are ids in some codes, drops tabs and reads backslashes otherwise than phones do.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from urllib.parse import unquote

_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.\-]{0,30}):")
# Printed without a scheme: what stands before the first slash has a dot and no blank. Strange letters and an @ are
# let through, so that they are seen for what they are.
_SCHEMELESS = re.compile(r"[^\s/\\?#]{1,253}\.[^\s/\\?#.]{2,40}[/\\?]")
_PARAM = re.compile(r"(?:^|[?&#;])([^=&#;?]{1,40})=([^&#;]*)")
HOST_CHARS = 253


@dataclass(frozen=True, slots=True)
class Address:
    """`tail` is all that follows the host: path, query, fragment."""

    scheme: str  # lower case
    host: str  # as written
    host_normal: str
    userinfo: str  # before an @: a browser goes elsewhere than it reads
    port: str
    tail: str

    @property
    def is_web(self) -> bool:
        return self.scheme in {"http", "https"}

    @property
    def odd_port(self) -> bool:
        return self.port not in {"", "80", "443"}


def scheme_of(text: str) -> str:
    """The scheme in lower case, found where a browser would find it: it drops control characters before."""
    found = _SCHEME.match("".join(c for c in text[:64] if c.isprintable() and not c.isspace()))
    return found[1].lower() if found else ""


def take_apart(text: str) -> Address | None:
    """The parts of a web address; None for a text that is none."""
    scheme, mark, after = text.partition("://")
    if not mark or not _SCHEME.fullmatch(scheme + ":"):
        if not _SCHEMELESS.match(text):
            return None
        scheme, after = "https", text
    # Browsers take a backslash for a slash.
    end = re.search(r"[/\\?#]", after)
    authority, tail = (after[: end.start()], after[end.start() :]) if end else (after, "")
    userinfo, at, host = authority.rpartition("@")
    bare, colon, port = host.rpartition(":")
    if colon and (port.isdecimal() or not port):
        host = bare
    else:
        port = ""
    return Address(scheme.lower(), host, normal_host(host), userinfo + at, port, tail)


def normal_host(host: str) -> str:
    """The host as it goes over the wire: lower case, ASCII. "" for one that nobody could call."""
    if len(host) > HOST_CHARS:
        return ""
    plain = host.rstrip(".").lower()
    if plain.isascii():
        return plain
    try:
        return unicodedata.normalize("NFKC", plain).casefold().encode("idna").decode("ascii")
    except UnicodeError:
        return ""


def shown_host(host: str) -> str:
    """The letters a person sees: punycode undone."""
    labels = []
    for label in host.lower().split("."):
        try:
            labels.append(label[4:].encode("ascii").decode("punycode") if label.startswith("xn--") else label)
        except UnicodeError:
            labels.append(label)
    return ".".join(labels)


def params(tail: str) -> list[tuple[str, str]]:
    """Names and raw values of a query, and of a fragment that carries one."""
    return [(unquote(name), value) for name, value in _PARAM.findall(tail)]


def segments(tail: str) -> list[str]:
    """The parts of the path, raw."""
    path = re.split(r"[?#]", tail, maxsplit=1)[0]
    return [part for part in re.split(r"[/\\]", path) if part]
