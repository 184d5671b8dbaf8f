"""Registering in both directions, rotating and leaving, with both servers on real ports."""

from __future__ import annotations

import json

import pytest

from adapters.ocpi.handshake import HandshakeFailed, MissingEndpoints, NoCommonVersion
from adapters.ocpi.tokens import candidates, header
from core.errors import SupplierUnavailable
from core.ports import PartnerState
from tests.adapters.ocpi.conftest import OUR_TOKEN, Caller, OurSide
from tests.adapters.ocpi.partner import TOKEN_A, ScriptedCpo, location


def test_the_partner_calls_us_back_during_our_open_post(ours: OurSide, cpo: ScriptedCpo) -> None:
    found = ours.handshake.register(cpo.versions_url, TOKEN_A)
    assert cpo.called_back == [200, 200]
    assert (found.version, [one.key for one in found.parties]) == ("2.2.1", ["BEBEC"])
    us = cpo.partner_credentials["roles"][0]
    assert (us["role"], us["country_code"], us["party_id"]) == ("EMSP", "DE", "KWT")
    known = ours.partners.get("cpo")
    assert known is not None
    assert known.state is PartnerState.REGISTERED
    ours.supplier.ping()


def test_no_token_stands_in_the_database(ours: OurSide, cpo: ScriptedCpo) -> None:
    ours.handshake.register(cpo.versions_url, TOKEN_A)
    with ours.database.read() as unit:
        stored = repr(unit.partners.get("cpo")) + str(getattr(unit.partners.get("cpo"), "document", ""))
    secrets = [TOKEN_A, cpo.partner_credentials["token"], *cpo.tokens]
    assert not [one for one in secrets if one in stored]


def test_no_token_stands_in_a_log(ours: OurSide, cpo: ScriptedCpo, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("DEBUG")
    with pytest.raises(HandshakeFailed):
        ours.handshake.register(cpo.versions_url, "a-guess-that-is-secret")
    ours.handshake.register(cpo.versions_url, TOKEN_A)
    secrets = [TOKEN_A, "a-guess-that-is-secret", cpo.partner_credentials["token"], *cpo.tokens]
    ours.handshake.rotate()
    secrets += [cpo.partner_credentials["token"], *cpo.tokens]
    caller = Caller(ours.web.test_client(), token=cpo.partner_credentials["token"])
    with ours.database.engine.begin() as db:
        db.exec_driver_sql("DROP TABLE partner_objects")
    caller("PUT", "locations/BE/BEC/A", location("A"), code=3000, status=500)
    cpo.silent = True
    with pytest.raises(SupplierUnavailable) as failure:
        ours.supplier.ping()
    told = caplog.text + str(failure.value) + repr(failure.value)
    assert "an OCPI call failed" in told
    forms = [form for one in secrets for form in (one, header(one, encoded=True).split()[1])]
    assert not [form for form in forms if form in told]


def test_our_token_before_the_partner_answered_opens_versions_alone(ours: OurSide, cpo: ScriptedCpo) -> None:
    tried = []

    def call_back(url: str, token: str) -> None:
        client, headers = ours.web.test_client(), {"Authorization": header(token, encoded=True)}
        for path in ("versions", "2.2.1", "2.2.1/credentials", "2.2.1/tokens", "2.2.1/locations/BE/BEC/X"):
            tried.append(client.get(f"/ocpi/{path}", headers=headers).status_code)

    cpo._call_back = call_back  # type: ignore[method-assign]
    ours.handshake.register(cpo.versions_url, TOKEN_A)
    assert tried == [200, 200, 200, 401, 401]


@pytest.mark.parametrize("scheme", ["raw only", "encoded only"])
def test_a_token_refused_in_one_form_is_tried_in_the_other(ours: OurSide, cpo: ScriptedCpo, scheme: str) -> None:
    cpo.form = lambda value: candidates(value)[:1] if scheme == "raw only" else candidates(value)[1:]
    cpo.calls_back = False
    found = ours.handshake.register(cpo.versions_url, TOKEN_A)
    assert found.encodes is (scheme == "encoded only")
    before = len(cpo.asked)
    ours.supplier.ping()
    assert len(cpo.asked) == before + 2  # the form is remembered: no refusal in between


def test_a_wrong_token_is_said_and_nothing_is_kept(ours: OurSide, cpo: ScriptedCpo) -> None:
    with pytest.raises(HandshakeFailed, match="does not accept the token"):
        ours.handshake.register(cpo.versions_url, "a-guess")
    assert ours.partners.get("cpo") is None


def test_a_version_we_do_not_share(ours: OurSide, cpo: ScriptedCpo) -> None:
    with pytest.raises(NoCommonVersion, match=r"offers 2\.2\.1, not 2\.3\.0"):
        ours.handshake.register(cpo.versions_url, TOKEN_A, "2.3.0")
    cpo.version = "2.0"
    with pytest.raises(NoCommonVersion):
        ours.handshake.register(cpo.versions_url, TOKEN_A)


def test_no_token_goes_to_an_origin_that_was_not_agreed_on(ours: OurSide, cpo: ScriptedCpo) -> None:
    cpo.endpoints_elsewhere = {"locations": "http://127.0.0.1:1/locations"}
    found = ours.handshake.register(cpo.versions_url, TOKEN_A)
    assert not found.endpoint("locations", "SENDER")
    with pytest.raises(SupplierUnavailable, match="does not offer it"):
        list(ours.supplier.stations())
    ours.handshake.unregister()
    cpo.tokens = {TOKEN_A}
    cpo.endpoints_elsewhere = {"credentials": "http://127.0.0.1:1/credentials"}
    with pytest.raises(MissingEndpoints):
        ours.handshake.register(cpo.versions_url, TOKEN_A)


def test_silence_during_the_handshake_leaves_nothing_half_done(ours: OurSide, cpo: ScriptedCpo) -> None:
    cpo.silent = True
    with pytest.raises(SupplierUnavailable):
        ours.handshake.register(cpo.versions_url, TOKEN_A)
    assert ours.partners.get("cpo") is None


def test_rotation_changes_both_tokens(ours: OurSide, cpo: ScriptedCpo) -> None:
    ours.handshake.register(cpo.versions_url, TOKEN_A)
    first = cpo.partner_credentials["token"]
    ours.handshake.rotate()
    second = cpo.partner_credentials["token"]
    assert cpo.called_back == [200] * 4  # the new one was good while our PUT was open
    assert ours.partners.caller(header(first, encoded=False)) is None
    assert ours.partners.caller(header(second, encoded=False)) is not None
    ours.supplier.ping()


def test_after_a_rotation_without_an_answer_both_tokens_are_good(ours: OurSide, cpo: ScriptedCpo) -> None:
    ours.handshake.register(cpo.versions_url, TOKEN_A)
    first = cpo.partner_credentials["token"]
    cpo.silent = True
    with pytest.raises(SupplierUnavailable):
        ours.handshake.rotate()
    found = ours.partners.caller(header(first, encoded=True))
    assert found is not None
    assert found[0].is_rotating


def test_leaving(ours: OurSide, cpo: ScriptedCpo) -> None:
    ours.handshake.register(cpo.versions_url, TOKEN_A)
    token = cpo.partner_credentials["token"]
    assert ours.handshake.unregister() == "said goodbye"
    assert ours.partners.caller(header(token, encoded=True)) is None
    with pytest.raises(HandshakeFailed, match="not registered"):
        ours.handshake.unregister()


# --- the partner registers with us ----------------------------------------------------------------------------


def credentials(cpo: ScriptedCpo, token: str = "token-b-of-theirs") -> dict:
    role = {"role": "CPO", "country_code": "BE", "party_id": "BEC", "business_details": {"name": "Scripted CPO"}}
    cpo.tokens = {token}
    return {"token": token, "url": cpo.versions_url, "roles": [role]}


def test_an_invited_partner_registers_with_us(ours: OurSide, cpo: ScriptedCpo) -> None:
    token_a = ours.handshake.invite(cpo.versions_url)
    invited = Caller(ours.web.test_client(), token=token_a)
    invited("GET", "tokens", code=2000, status=401)
    invited("PUT", "credentials", credentials(cpo), code=2000, status=405)
    answer = invited("POST", "credentials", credentials(cpo))
    assert answer["roles"][0]["role"] == "EMSP"
    registered = Caller(ours.web.test_client(), token=answer["token"])
    assert registered("GET", "credentials")["token"] == answer["token"]
    registered("PUT", "locations/BE/BEC/A", location("A"))
    registered("POST", "credentials", credentials(cpo), code=2000, status=405)
    invited("GET", "credentials", code=2000, status=401)  # the invitation is used up
    ours.supplier.ping()


def test_a_partner_changes_its_token(ours: OurSide, cpo: ScriptedCpo) -> None:
    ours.registered(cpo)
    caller = Caller(ours.web.test_client())
    answer = caller("PUT", "credentials", credentials(cpo, "their-next-token"))
    assert answer["token"] != OUR_TOKEN
    caller("GET", "credentials", code=2000, status=401)
    ours.supplier.ping()
    Caller(ours.web.test_client(), token=answer["token"])("DELETE", "credentials")
    assert ours.partners.get("cpo") is None


def test_credentials_that_lead_elsewhere_are_refused(ours: OurSide, cpo: ScriptedCpo) -> None:
    invited = Caller(ours.web.test_client(), token=ours.handshake.invite("https://cpo.example/versions"))
    invited("POST", "credentials", credentials(cpo), code=3001, status=400)
    assert "not at the origin agreed on" in invited.message
    assert cpo.asked == []


@pytest.mark.parametrize("missing", ["token", "url", "roles"])
def test_incomplete_credentials(ours: OurSide, cpo: ScriptedCpo, missing: str) -> None:
    invited = Caller(ours.web.test_client(), token=ours.handshake.invite(cpo.versions_url))
    body = credentials(cpo)
    del body[missing]
    invited("POST", "credentials", body, code=2001, status=400)


def test_a_partner_that_cannot_be_called_back(ours: OurSide, cpo: ScriptedCpo) -> None:
    invited = Caller(ours.web.test_client(), token=ours.handshake.invite(cpo.versions_url))
    body = credentials(cpo)
    cpo.tokens = {"another"}
    invited("POST", "credentials", body, code=3001, status=400)
    cpo.tokens, cpo.version = {body["token"]}, "2.1.1"
    invited("POST", "credentials", body, code=3002, status=400)


def test_our_versions(ours: OurSide) -> None:
    ours.knows()
    client, headers = ours.web.test_client(), {"Authorization": f"Token {OUR_TOKEN}"}
    assert client.get("/ocpi/versions").status_code == 401
    offered = json.loads(client.get("/ocpi/versions", headers=headers).data)["data"]
    assert [one["version"] for one in offered] == ["2.1.1", "2.2.1", "2.3.0"]
    for one in offered:
        path = one["url"].removeprefix(ours.house.public_url)
        details = json.loads(client.get(path, headers=headers).data)["data"]
        assert details["version"] == one["version"]
        assert all(end["url"].startswith(one["url"] + "/") for end in details["endpoints"])
        assert all(("role" in end) is (one["version"] != "2.1.1") for end in details["endpoints"])
