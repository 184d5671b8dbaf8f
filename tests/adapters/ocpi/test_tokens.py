"""Tokens come raw or in Base64, whatever the version says."""

from __future__ import annotations

import base64

import pytest

from adapters.ocpi.sealed import Sealer, Unreadable
from adapters.ocpi.tokens import candidates, fingerprint, header, new_token


@pytest.mark.parametrize(
    ("sent", "meant"),
    [
        ("Token example-token", "example-token"),
        # The specification's own sample: it decodes to a token with a newline at its end.
        ("Token ZXhhbXBsZS10b2tlbgo=", "example-token"),
        ("token ZXhhbXBsZS10b2tlbg==", "example-token"),
        ("TOKEN   ZXhhbXBsZS10b2tlbg==  ", "example-token"),
        ("ZXhhbXBsZS10b2tlbg", "example-token"),
        ("example-token", "example-token"),
    ],
)
def test_every_form_is_understood(sent: str, meant: str) -> None:
    assert meant in candidates(sent)


@pytest.mark.parametrize("sent", [None, "", "Token", "Token ", "Token jürgen", "Token \U0001f511"])
def test_what_is_no_token(sent: str | None) -> None:
    assert candidates(sent) in ([], ["Token"])


def test_what_decodes_to_rubbish_stays_as_it_is() -> None:
    assert candidates("Token " + base64.b64encode(bytes(range(200, 220))).decode()) == [
        base64.b64encode(bytes(range(200, 220))).decode()
    ]
    assert candidates("Token " + "A" * 5_000) == candidates("Token " + "A" * 994)


def test_both_forms_lead_back() -> None:
    token = new_token()
    assert len(token) <= 64
    assert token.isprintable()
    for encoded in (True, False):
        assert token in candidates(header(token, encoded=encoded))
    assert fingerprint(token) != fingerprint(new_token())


def test_a_sealed_token_opens_with_its_secret_alone() -> None:
    sealed = Sealer("one secret").seal("token")
    assert "token" not in sealed
    assert Sealer("one secret").open(sealed) == "token"
    with pytest.raises(Unreadable):
        Sealer("another secret").open(sealed)


def test_a_secret_can_be_changed() -> None:
    sealed = Sealer("first").seal("token")
    both = Sealer("second", ("zeroth", "first"))
    assert both.open(sealed) == "token"
    assert not both.is_current(sealed)
    anew = both.seal(both.open(sealed))
    assert both.is_current(anew)
    assert Sealer("second").open(anew) == "token"
    with pytest.raises(Unreadable, match="SECRET_KEYS_BEFORE"):
        Sealer("second").open(sealed)


def test_what_was_sealed_before_keys_had_names_still_opens() -> None:
    sealed = Sealer("first").seal("token").partition(".")[2]
    assert Sealer("second", ("first",)).open(sealed) == "token"
    assert not Sealer("first").is_current(sealed)
    with pytest.raises(Unreadable):
        Sealer("second").open(sealed)
