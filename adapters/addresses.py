"""Which addresses are called: those of origins that were agreed on, and of those only the ones that lead outside.

A partner names addresses (endpoints, the next page, where to answer). Without these rules it could make us call our
own machines, or send its neighbour our token. Two gates: `vet_url` looks at the text, `Resolver` at where the name
leads. The connection is then made to the very address that was looked at: asking again could bring another answer.
"""

from __future__ import annotations

import re
import socket
import threading
from collections.abc import Callable, Sequence
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from urllib.parse import urlsplit

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network
# Host and port to the addresses they lead to. Raises OSError.
LookUp = Callable[[str, int], Sequence[str]]

_PORTS = {"http": 80, "https": 443}
_HOST = re.compile(r"[a-z0-9._-]+|\[[0-9a-f:.]+\]", re.IGNORECASE)
# Parsers differ in what they make of these, and the difference is the attack.
_ODD = re.compile(r"[\x00-\x20\x7f\\]")
_LOOPBACK: tuple[Network, ...] = (ip_network("127.0.0.0/8"), ip_network("::1/128"))
# What Python calls global and what leads inside all the same: protocol assignments, the relays of 6to4, and
# prefixes that carry an IPv4 address in them (NAT64, 6to4, Teredo, IPv4-compatible).
_BENT = tuple(
    ip_network(one)
    for one in ("192.0.0.0/24", "192.88.99.0/24", "64:ff9b::/96", "64:ff9b:1::/48", "2002::/16", "2001::/23", "::/96")
)


class UrlRefused(ValueError):
    """An address we do not call. The text says why and leaves the address out: it may hold a key."""


def origin_of(url: str) -> str:
    """Scheme, host and port, e.g. "https://cpo.example:443". Raises UrlRefused for what is no plain web address."""
    if _ODD.search(url):
        raise UrlRefused("the address holds characters that do not belong there")
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        raise UrlRefused("the address cannot be read") from None
    if parts.scheme not in _PORTS:
        raise UrlRefused("only http and https are called")
    if "@" in parts.netloc:
        raise UrlRefused("an address with a user name is not called")
    host = parts.netloc.rpartition(":")[0] if port is not None else parts.netloc.rstrip(":")
    if not _HOST.fullmatch(host):
        raise UrlRefused("the address names no host")
    return f"{parts.scheme}://{host.lower()}:{port or _PORTS[parts.scheme]}"


def vet_url(url: str, allowed: frozenset[str]) -> str:
    """The address, if its origin is one of those agreed on. Raises UrlRefused.

    An agreed https origin says nothing of http on the same host: that is another origin.
    """
    if origin_of(url) not in {origin_of(one) for one in allowed}:
        raise UrlRefused("the address is not one of those agreed on")
    return url


def is_public(address: Address) -> bool:
    """Whether this leads out into the world. `is_private` is no answer: it is False for 100.64.0.0/10."""
    if isinstance(address, IPv6Address) and address.ipv4_mapped is not None:
        address = address.ipv4_mapped
    if any(address in network for network in _BENT if network.version == address.version):
        return False
    inside = address.is_multicast or address.is_reserved or getattr(address, "is_site_local", False)
    return address.is_global and not inside


def meant_by(base_url: str) -> tuple[Network, ...]:
    """Networks that a configured address opens by naming them itself: loopback for the sandbox and for tests, or
    the one private address written out in it. A name opens nothing, wherever it leads."""
    host = (urlsplit(base_url).hostname or "").lower()
    if host == "localhost":
        return _LOOPBACK
    try:
        address = ip_address(host)
    except ValueError:
        return ()
    return _LOOPBACK if address.is_loopback else (ip_network(address),)


def look_up(host: str, port: int) -> list[str]:
    """Ask the system. Also understands 2130706433, 0x7f.1 and 0177.0.0.1, which is why its answer is looked at."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(one[4][0]) for one in found))


class Resolver:
    """From a host to the addresses that may be connected to."""

    def __init__(self, meant: Sequence[Network] = (), look_up: LookUp = look_up) -> None:
        self._meant, self._look_up = tuple(meant), look_up

    def addresses(self, host: str, port: int, timeout_s: float) -> list[str]:
        """All addresses of the host. Raises UrlRefused when one of them leads inside, OSError, TimeoutError."""
        found = self._in_time(host.strip("[]"), port, timeout_s)
        for one in found:
            address = ip_address(one.partition("%")[0])
            meant = any(address in network for network in self._meant if network.version == address.version)
            if not meant and not is_public(address):
                raise UrlRefused("the address does not lead to a public place")
        return found

    def _in_time(self, host: str, port: int, timeout_s: float) -> list[str]:
        """The system's resolver knows no deadline, so it is asked on a thread that can be left behind."""
        answer: list[str] = []
        trouble: list[OSError] = []

        def ask() -> None:
            try:
                answer.extend(self._look_up(host, port))
            except (OSError, UnicodeError) as error:
                trouble.append(OSError(f"the name is not known ({type(error).__name__})"))

        thread = threading.Thread(target=ask, name="look-up", daemon=True)
        thread.start()
        thread.join(timeout_s)
        if trouble:
            raise trouble[0]
        if not answer:
            raise TimeoutError("timed out looking up the name") if thread.is_alive() else OSError("no address")
        return answer
