"""Which addresses are called: agreed origins, public places, and the very address that was looked at."""

from __future__ import annotations

import datetime as dt
import ssl
import threading
import time
from collections.abc import Iterator, Sequence
from ipaddress import IPv4Address, ip_address
from pathlib import Path

import pytest
import requests
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from adapters.addresses import Resolver, UrlRefused, is_public, meant_by, origin_of, vet_url
from adapters.http import Patience, SupplierHttp
from adapters.sockets import Adapter, exchange
from core.errors import SupplierUnavailable
from tests.adapters.misbehaving import Misbehaving, answering

AGREED = frozenset({"https://cpo.example", "http://127.0.0.1:8080/ocpi"})
ONCE = Patience(total_s=5, max_bytes=1000, tries=1)


@pytest.fixture
def server() -> Iterator[Misbehaving]:
    server = Misbehaving()
    server.behave = answering(b'"here"')
    yield server
    server.close()


def port_of(server: Misbehaving) -> str:
    return server.url.rpartition(":")[2]


@pytest.mark.parametrize(
    "url",
    [
        "https://cpo.example/ocpi/2.2.1/locations?offset=50",
        "https://CPO.example:443/x",
        "http://127.0.0.1:8080/anything",
    ],
)
def test_agreed_origins_are_called(url: str) -> None:
    assert vet_url(url, AGREED) == url


@pytest.mark.parametrize(
    "url",
    [
        "http://cpo.example/x",  # the same host without TLS
        "https://cpo.example:8443/x",
        "https://other.example/x",
        "https://cpo.example.other.example/",
        "https://cpo.example@other.example/",
        "https://other.example#@cpo.example/",
        "https://cpo.example\\@other.example/",
        "https://cpo.example\n.other.example/",
        "https://other.example/?https://cpo.example/",
        "//cpo.example/x",
        "ftp://cpo.example/x",
        "file:///etc/passwd",
        "https:///x",
        "https://cpo.example:99999/",
        "https://[::1",
        "",
    ],
)
def test_all_others_are_refused_without_naming_them(url: str) -> None:
    with pytest.raises(UrlRefused) as caught:
        vet_url(url, AGREED)
    assert "example" not in str(caught.value)


def test_an_origin_has_one_form() -> None:
    assert origin_of("HTTPS://CPO.example/a?b") == "https://cpo.example:443"
    assert origin_of("http://[::1]/") == "http://[::1]:80"
    assert origin_of("http://[::1]:99/") == "http://[::1]:99"


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1",
        "10.0.0.1",
        "172.16.0.1",
        "192.168.1.1",
        "169.254.169.254",  # metadata of most clouds
        "100.100.100.200",  # of one that is_private calls public
        "0.0.0.0",
        "192.0.0.8",
        "192.88.99.1",
        "198.18.0.1",
        "224.0.0.1",
        "240.0.0.1",
        "255.255.255.255",
        "::",
        "::1",
        "::7f00:1",
        "::ffff:127.0.0.1",
        "::ffff:10.0.0.1",
        "64:ff9b::7f00:1",
        "64:ff9b:1::1",
        "2002:7f00:1::",
        "2001::1",
        "fc00::1",
        "fe80::1",
        "fec0::1",
        "ff02::1",
        "2001:db8::1",
    ],
)
def test_what_leads_inside(address: str) -> None:
    assert not is_public(ip_address(address))


@pytest.mark.parametrize("address", ["1.1.1.1", "223.5.5.5", "::ffff:1.1.1.1", "2606:4700::1111", "2400:3200::1"])
def test_what_leads_outside(address: str) -> None:
    assert is_public(ip_address(address))


@pytest.mark.parametrize("host", ["2130706433", "0x7f.1", "0177.0.0.1", "127.1", "0x7f000001"])
def test_no_spelling_of_loopback_gets_through(server: Misbehaving, host: str) -> None:
    http = SupplierHttp("Acme", f"http://{host}:{port_of(server)}")
    with pytest.raises(SupplierUnavailable):
        http.get("x", ONCE)
    assert server.requests == []


class Names:
    """A name server that gives its answers one after the other, the last one for ever."""

    def __init__(self, *answers: Sequence[str]) -> None:
        self.answers = list(answers)
        self.asked = 0

    def __call__(self, host: str, port: int) -> Sequence[str]:
        self.asked += 1
        return self.answers[min(self.asked, len(self.answers)) - 1]


@pytest.mark.parametrize("answer", [["127.0.0.1"], ["1.1.1.1", "127.0.0.1"], ["::1"], ["fe80::1%eth0"]])
def test_a_name_that_leads_inside_is_not_called(server: Misbehaving, answer: list[str]) -> None:
    http = SupplierHttp("Acme", f"http://cpo.example:{port_of(server)}", look_up=Names(answer))
    with pytest.raises(SupplierUnavailable, match="does not lead to a public place"):
        http.get("x", ONCE)
    assert server.requests == []


def test_the_address_that_was_looked_at_is_the_one_that_is_called(server: Misbehaving) -> None:
    """A second look would lead elsewhere (DNS rebinding): there is none."""
    names = Names(["127.0.0.1"], ["127.0.0.2"])
    http = SupplierHttp("Acme", f"http://localhost:{port_of(server)}", look_up=names)
    assert http.get("x", ONCE) == "here"
    assert names.asked == 1


def test_a_name_server_that_does_not_answer_costs_the_deadline(server: Misbehaving) -> None:
    gone = threading.Event()

    def silent(host: str, port: int) -> list[str]:
        gone.wait(60)
        return []

    started = time.monotonic()
    http = SupplierHttp("Acme", "https://cpo.example", look_up=silent)
    with pytest.raises(SupplierUnavailable, match="no answer in time"):
        http.get("x", Patience(total_s=0.3, max_bytes=1000))
    assert time.monotonic() - started < 30
    gone.set()


def test_a_configured_private_address_is_meant_and_nothing_beside_it() -> None:
    resolver = Resolver(meant_by("http://10.1.2.3:8080"), Names(["10.1.2.3"], ["10.1.2.4"], ["127.0.0.1"]))
    assert resolver.addresses("10.1.2.3", 80, 1) == ["10.1.2.3"]
    for _ in range(2):
        with pytest.raises(UrlRefused):
            resolver.addresses("10.1.2.3", 80, 1)
    assert meant_by("https://localhost.example") == meant_by("https://cpo.example") == ()


def test_an_address_that_the_supplier_named(server: Misbehaving) -> None:
    other = Misbehaving()
    other.behave = answering(b'"there"')
    http = SupplierHttp("Acme", server.url, allowed_origins=frozenset({other.url}))
    assert http.get(f"{server.url}/next", ONCE) == "here"
    assert http.get(f"{other.url}/next", ONCE) == "there"
    strict = SupplierHttp("Acme", server.url)
    with pytest.raises(SupplierUnavailable, match="not one of those agreed on") as caught:
        strict.get(f"{other.url}/next?key=CANARY", ONCE)
    assert "CANARY" not in str(caught.value)
    assert [len(server.requests), len(other.requests)] == [1, 1]
    other.close()


# --- TLS ------------------------------------------------------------------------------------------------------


def certificate(folder: Path, name: str) -> Path:
    """A key and a certificate for this name, signed by itself, in one file."""
    key = ec.generate_private_key(ec.SECP256R1())
    who = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = dt.datetime.now(dt.UTC)
    alternative = x509.IPAddress(IPv4Address(name)) if name[0].isdigit() else x509.DNSName(name)
    made = (
        x509.CertificateBuilder()
        .subject_name(who)
        .issuer_name(who)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([alternative]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    path = folder / f"{name}.pem"
    path.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
        + made.public_bytes(serialization.Encoding.PEM)
    )
    return path


@pytest.mark.parametrize(("issued_to", "fine"), [("cpo.example", True), ("other.example", False)])
def test_a_pinned_connection_still_checks_the_name(
    server: Misbehaving, tmp_path: Path, issued_to: str, fine: bool
) -> None:
    pem = certificate(tmp_path, issued_to)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pem)
    server.behave = answering(b'"sealed"')
    server.wrap = lambda sock: context.wrap_socket(sock, server_side=True)
    resolver = Resolver(meant_by("https://localhost"), Names(["127.0.0.1"]))
    with requests.Session() as http, exchange(time.monotonic() + 10, resolver):
        http.mount("https://", Adapter(1))
        http.trust_env, http.verify = False, str(pem)
        url = f"https://cpo.example:{port_of(server)}/"
        if fine:
            assert http.get(url, timeout=5).json() == "sealed"
        else:
            with pytest.raises(requests.exceptions.SSLError):
                http.get(url, timeout=5)
