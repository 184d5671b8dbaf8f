"""The server process: what it accepts, what it refuses, and its levers, over HTTP."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest
import requests

from adapters.cec.envelope import Keys, Reply, Stamps, open_response, seal_request
from adapters.sandbox import keys
from core.clock import SystemClock
from tests.adapters.sandbox.process import SandboxProcess

pytestmark = pytest.mark.process

KEYS = Keys(keys.DATA_SECRET, keys.DATA_SECRET_IV, keys.SIG_SECRET)
STAMPS = Stamps(SystemClock().now)
LOGIN = {"OperatorID": keys.CUSTOMER_ID, "OperatorSecret": keys.OPERATOR_SECRET}
PAGE = {"LastQueryTime": "", "PageNo": 1, "PageSize": 1}


def sealed(message: dict[str, Any]) -> dict[str, str]:
    return seal_request(keys.CUSTOMER_ID, KEYS, message, STAMPS.next())


def send(sandbox: SandboxProcess, interface: str, envelope: Any, token: str = "") -> requests.Response:
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    url = f"{sandbox.url}/evcs/v20161110/{interface}"
    return requests.post(url, json=envelope, headers=headers, timeout=10)


def ask(sandbox: SandboxProcess, interface: str, message: dict[str, Any], token: str = "") -> Reply:
    return open_response(send(sandbox, interface, sealed(message), token).json(), KEYS)


@pytest.fixture
def token(sandbox: SandboxProcess) -> str:
    return str(ask(sandbox, "query_token", LOGIN).data["AccessToken"])


def test_logs_in_with_the_secret_only(sandbox: SandboxProcess) -> None:
    reply = ask(sandbox, "query_token", LOGIN)
    assert (reply.data["SuccStat"], reply.data["TokenAvailableTime"]) == (0, 7200)
    reply = ask(sandbox, "query_token", LOGIN | {"OperatorSecret": "wrong"})
    assert (reply.data["SuccStat"], reply.data["FailReason"], reply.data["AccessToken"]) == (1, 2, "")


@pytest.mark.parametrize("wrong", ["", "made-up"])
def test_needs_a_token(sandbox: SandboxProcess, wrong: str) -> None:
    assert ask(sandbox, "query_stations_info", PAGE, wrong).ret == 4002


def test_an_envelope_is_taken_once(sandbox: SandboxProcess, token: str) -> None:
    envelope = sealed(PAGE)
    assert send(sandbox, "query_stations_info", envelope, token).json()["Ret"] == 0
    assert send(sandbox, "query_stations_info", envelope, token).json()["Ret"] == 4001


@pytest.mark.parametrize(
    "envelope", [None, [], "x", {}, {"OperatorID": keys.CUSTOMER_ID}, {"OperatorID": "STRANGER1"}]
)
def test_rubbish_is_refused_in_the_protocols_own_way(sandbox: SandboxProcess, envelope: Any) -> None:
    reply = send(sandbox, "query_token", envelope)
    assert (reply.status_code, reply.json()["Ret"]) == (200, 4003)


def test_what_is_not_json_is_refused(sandbox: SandboxProcess) -> None:
    reply = requests.post(f"{sandbox.url}/evcs/v20161110/query_token", data=b"\xff{", timeout=10)
    assert reply.json()["Ret"] == 4003
    assert (
        requests.post(f"{sandbox.url}/evcs/v20161110/query_token", data=b" " * 300_000, timeout=10).status_code == 413
    )


@pytest.mark.parametrize(
    ("interface", "message"),
    [
        ("query_stations_info", PAGE | {"PageNo": 0}),
        ("query_stations_info", PAGE | {"PageSize": 101}),
        ("query_stations_info", PAGE | {"PageSize": "10"}),
        ("query_station_status", {"StationIDs": []}),
        ("query_station_status", {"StationIDs": ["x"] * 51}),
        ("query_station_status", {}),
    ],
)
def test_questions_that_make_no_sense(
    sandbox: SandboxProcess, token: str, interface: str, message: dict[str, Any]
) -> None:
    assert ask(sandbox, interface, message, token).ret == 4004


def test_pages_and_what_lies_beyond(sandbox: SandboxProcess, token: str) -> None:
    first = ask(sandbox, "query_stations_info", PAGE | {"PageSize": 70}, token).data
    assert (first["PageNo"], first["PageCount"], first["ItemSize"], len(first["StationInfos"])) == (1, 5, 300, 70)
    beyond = ask(sandbox, "query_stations_info", PAGE | {"PageNo": 999}, token).data
    assert (beyond["PageNo"], beyond["StationInfos"]) == (999, [])


def test_a_gun_without_a_policy(sandbox: SandboxProcess, token: str) -> None:
    answer = ask(sandbox, "query_equip_business_policy", {"EquipBizSeq": "1", "ConnectorID": "none"}, token).data
    assert (answer["SuccStat"], answer["FailReason"], answer["PolicyInfos"]) == (1, 1, [])


def test_no_such_interface(sandbox: SandboxProcess) -> None:
    assert send(sandbox, "query_everything", sealed({})).status_code == 404


class TestLevers:
    def test_broken(self, sandbox: SandboxProcess) -> None:
        with sandbox.misbehaving("broken"):
            assert send(sandbox, "query_token", sealed(LOGIN)).status_code == 500
            assert requests.get(f"{sandbox.url}/healthz", timeout=10).json() == {"stations": 300}
        assert send(sandbox, "query_token", sealed(LOGIN)).status_code == 200

    def test_silent(self, sandbox: SandboxProcess) -> None:
        url = f"{sandbox.url}/evcs/v20161110/query_token"
        with sandbox.misbehaving("silent"), pytest.raises(requests.ReadTimeout):
            requests.post(url, json=sealed(LOGIN), timeout=0.3)

    def test_slow(self, sandbox: SandboxProcess) -> None:
        with sandbox.misbehaving("slow", delay_s=0.2):
            started = time.monotonic()
            assert send(sandbox, "query_token", sealed(LOGIN)).json()["Ret"] == 0
            assert time.monotonic() - started >= 0.2

    def test_a_fault_ends_by_itself(self, sandbox: SandboxProcess) -> None:
        sandbox.pull("fault", kind="silent", seconds=1)
        assert send(sandbox, "query_token", sealed(LOGIN)).status_code == 503  # it waited, and then gave up
        assert send(sandbox, "query_token", sealed(LOGIN)).json()["Ret"] == 0

    @pytest.mark.parametrize(
        ("lever", "wish"),
        [
            ("status", {"connector_id": "none", "status": 1}),
            ("status", {"connector_id": "440304000100101", "status": 99}),
            ("status", {"connector_id": "440304000100101"}),
            ("price", {"station_id": "none", "factor": "0.5"}),
            ("price", {"station_id": "4403040001", "factor": "-1"}),
            ("price", {"station_id": "4403040001", "factor": "cheap"}),
            ("fault", {"kind": "on fire"}),
            ("clock", {"at": "2026-11-23T12:00:00"}),
            ("clock", []),
        ],
    )
    def test_wishes_that_make_no_sense(self, sandbox: SandboxProcess, lever: str, wish: Any) -> None:
        assert sandbox.push(lever, wish).status_code == 400

    def test_only_json_and_only_known_levers(self, sandbox: SandboxProcess) -> None:
        text = json.dumps({"kind": "broken"})
        assert sandbox.push("fault", None, data=text, headers={"Content-Type": "text/plain"}).status_code == 415
        assert sandbox.push("self-destruct", {}).status_code == 404
