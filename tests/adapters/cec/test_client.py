"""The client against a partner that answers what we tell it to, over HTTP and in real envelopes."""

from __future__ import annotations

import json
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from adapters.cec.client import CecClient
from adapters.cec.envelope import Keys, ReplayWindow, open_request, seal_response
from adapters.cec.supplier import CecSupplier
from core.clock import SystemClock
from core.errors import SupplierUnavailable
from core.station import ConnectorRef, Rejected, StatusReport
from tests.adapters.cec.test_messages import CONFIG, PARTNER, period
from tests.world import SetClock

KEYS = CONFIG.keys
Answer = dict[str, Any] | int  # the message, or a Ret


class Partner:
    """Answers each interface with a function of the message; logs in by itself."""

    def __init__(self) -> None:
        self.keys: Keys = KEYS
        self.answers: dict[str, Callable[[dict[str, Any]], Answer]] = {
            "query_token": self._log_in,
            "query_equip_auth": lambda _: {"SuccStat": 0, "FailReason": 0},
        }
        self.tokens: list[str] = []
        self.token_lasts_s: Any = 7200
        self.calls: Counter[str] = Counter()
        self.messages: list[dict[str, Any]] = []
        self.fails: list[int] = []  # HTTP codes to answer first
        self._replays = ReplayWindow(SystemClock().now)
        self._lock = threading.Lock()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._server.daemon_threads = True
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        self.config = replace(CONFIG, base_url=f"http://127.0.0.1:{self._server.server_address[1]}")

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()

    def _log_in(self, message: dict[str, Any]) -> Answer:
        assert message == {"OperatorID": "KILOWATCH", "OperatorSecret": "CANARY-operator"}
        self.tokens.append(f"token-{len(self.tokens)}")
        return {"SuccStat": 0, "AccessToken": self.tokens[-1], "TokenAvailableTime": self.token_lasts_s}

    def answer(self, path: str, body: bytes, authorization: str) -> tuple[int, bytes]:
        interface = path.removeprefix("/evcs/v20161110/")
        with self._lock:
            self.calls[interface] += 1
            message = open_request(json.loads(body), KEYS, self._replays)
            if self.fails:
                return self.fails.pop(0), b""
            if interface != "query_token" and authorization != f"Bearer {self.tokens[-1]}":
                answer: Answer = 4002
            else:
                answer = self.answers[interface](message)
                self.messages.append(message)
        if isinstance(answer, int):
            return 200, json.dumps({"Ret": answer, "Msg": "no", "Data": None, "Sig": None}).encode()
        return 200, json.dumps(seal_response(self.keys, answer)).encode()

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        partner = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                status, text = partner.answer(self.path, body, self.headers.get("Authorization", ""))
                self.send_response(status)
                self.send_header("Content-Length", str(len(text)))
                self.end_headers()
                self.wfile.write(text)

            def log_message(self, format: str, *args: Any) -> None:
                pass

        return Handler


@pytest.fixture
def partner() -> Iterator[Partner]:
    partner = Partner()
    yield partner
    partner.close()


@pytest.fixture
def client(partner: Partner) -> CecClient:
    return CecClient(partner.config, SystemClock())


def pages(*lists: list[Any], count: int | None = None, size: int | None = None) -> Callable[[dict[str, Any]], Answer]:
    """Serve these lists page by page; a page beyond the end echoes its number and is empty."""

    def answer(message: dict[str, Any]) -> Answer:
        number = message["PageNo"]
        return {
            "PageNo": number,
            "PageCount": len(lists) if count is None else count,
            "ItemSize": sum(map(len, lists)) if size is None else size,
            "StationInfos": lists[number - 1] if number <= len(lists) else [],
        }

    return answer


def rows(*ids: str) -> list[dict[str, str]]:
    return [{"StationID": one} for one in ids]


def ids(client: CecClient) -> list[str]:
    return [row["StationID"] for row in client.query_stations_info()]


class TestPaging:
    def test_all_pages(self, partner: Partner, client: CecClient) -> None:
        partner.answers["query_stations_info"] = pages(rows("A", "B"), rows("C"))
        assert ids(client) == ["A", "B", "C"]
        assert partner.messages[1] == {"LastQueryTime": "", "PageNo": 1, "PageSize": 100}
        assert partner.calls["query_stations_info"] == 2

    def test_an_empty_list(self, partner: Partner, client: CecClient) -> None:
        partner.answers["query_stations_info"] = pages([])
        assert ids(client) == []

    def test_page_count_too_low(self, partner: Partner, client: CecClient) -> None:
        partner.answers["query_stations_info"] = pages(rows("A", "B"), rows("C"), count=1)
        assert ids(client) == ["A", "B", "C"]

    @pytest.mark.parametrize("count", [99, "99"])
    def test_page_count_too_high(self, partner: Partner, client: CecClient, count: Any) -> None:
        partner.answers["query_stations_info"] = pages(rows("A", "B"), rows("C"), count=count)
        assert ids(client) == ["A", "B", "C"]
        assert partner.calls["query_stations_info"] == 3

    def test_page_number_ignored(self, partner: Partner, client: CecClient) -> None:
        partner.answers["query_stations_info"] = lambda message: {
            "PageNo": 1, "PageCount": 10**6, "ItemSize": 2, "StationInfos": rows("A", "B"),
        }  # fmt: skip
        assert ids(client) == ["A", "B"]
        assert partner.calls["query_stations_info"] == 2

    def test_a_station_on_two_pages_comes_once(self, partner: Partner, client: CecClient) -> None:
        partner.answers["query_stations_info"] = pages(rows("A", "B"), rows("B", "C"))
        assert ids(client) == ["A", "B", "C"]

    def test_a_list_that_breaks_off_is_not_a_short_list(self, partner: Partner, client: CecClient) -> None:
        partner.answers["query_stations_info"] = pages(rows("A", "B"), [], size=5, count=3)
        found: list[Any] = []
        with pytest.raises(SupplierUnavailable, match="after 2 of 5"):
            found.extend(client.query_stations_info())
        assert found == rows("A", "B")

    @pytest.mark.parametrize("answer", [{}, {"StationInfos": None}, {"StationInfos": "none", "ItemSize": None}])
    def test_no_list_at_all(self, partner: Partner, client: CecClient, answer: dict[str, Any]) -> None:
        partner.answers["query_stations_info"] = lambda message: answer
        assert list(client.query_stations_info()) == []

    def test_rows_without_an_id_are_handed_on(self, partner: Partner, client: CecClient) -> None:
        partner.answers["query_stations_info"] = pages([{"a": 1}, None, {"StationID": "A"}])
        assert list(client.query_stations_info()) == [{"a": 1}, None, {"StationID": "A"}]


class TestTokens:
    def test_one_login_serves_many_calls_and_threads(self, partner: Partner, client: CecClient) -> None:
        partner.answers["query_station_status"] = lambda message: {"Total": "0", "StationStatusInfos": []}
        threads = [threading.Thread(target=client.query_station_status, args=(["A"],)) for _ in range(12)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert partner.calls == {"query_token": 1, "query_station_status": 12}

    def test_a_refused_token_is_replaced_once(self, partner: Partner, client: CecClient) -> None:
        partner.answers["query_stations_info"] = pages(rows("A"))
        assert ids(client) == ["A"]
        partner.tokens.append("somebody else's login")
        assert ids(client) == ["A"]
        assert partner.calls["query_token"] == 2

    def test_a_partner_that_takes_no_token_is_not_asked_for_ever(self, partner: Partner, client: CecClient) -> None:
        partner.answers["query_stations_info"] = lambda message: 4002
        with pytest.raises(SupplierUnavailable, match="Ret 4002"):
            ids(client)
        assert partner.calls == {"query_token": 2, "query_stations_info": 2}

    @pytest.mark.parametrize(("lasts", "logins"), [(7200, 1), (200, 2), ("200", 2), (None, 2)])
    def test_a_token_that_has_run_out_is_not_used(self, partner: Partner, lasts: object, logins: int) -> None:
        clock = SetClock(SystemClock().now())
        client = CecClient(partner.config, clock)
        partner.token_lasts_s = lasts
        partner.answers["query_stations_info"] = pages(rows("A"))
        ids(client)
        clock.advance(seconds=150)
        ids(client)
        assert partner.calls["query_token"] == logins

    def test_a_wrong_secret_is_told_without_the_secret(self, partner: Partner, client: CecClient) -> None:
        partner.answers["query_token"] = lambda message: {"SuccStat": 1, "FailReason": 2, "AccessToken": ""}
        with pytest.raises(SupplierUnavailable, match="FailReason 2") as error:
            ids(client)
        assert "CANARY" not in str(error.value)
        assert error.value.asked == "query_token"


class TestAnswers:
    def test_a_retry_is_a_new_request_and_no_replay(self, partner: Partner, client: CecClient) -> None:
        partner.answers["query_stations_info"] = pages(rows("A"))
        partner.fails = [500, 503]
        assert ids(client) == ["A"]  # the partner opens every try and refuses one seen before

    def test_an_answer_signed_with_other_keys_is_none(self, partner: Partner, client: CecClient) -> None:
        partner.keys = Keys("x" * 16, "y" * 16, "z")
        with pytest.raises(SupplierUnavailable, match="signature"):
            ids(client)

    @pytest.mark.parametrize("count", [0, 51])
    def test_fifty_stations_a_call(self, client: CecClient, count: int) -> None:
        with pytest.raises(ValueError, match="50"):
            client.query_station_status(["A"] * count)

    def test_a_seq_has_27_characters_and_is_ours(self, client: CecClient) -> None:
        seqs = {client.new_seq() for _ in range(100)}
        assert len(seqs) == 100
        assert all(len(seq) == 27 and seq.startswith("KILOWATCH") for seq in seqs)


class TestPulls:
    """Many calls at once, some of which fail."""

    @pytest.fixture
    def supplier(self, partner: Partner) -> CecSupplier:
        return CecSupplier(partner.config, SystemClock())

    def test_statuses_go_in_batches_of_fifty(self, partner: Partner, supplier: CecSupplier) -> None:
        partner.answers["query_station_status"] = lambda message: {
            "Total": "1",
            "StationStatusInfos": [
                {"StationID": one, "ConnectorStatusInfos": [{"ConnectorID": f"G{one}", "Status": 1}]}
                for one in message["StationIDs"]
            ],
        }
        reports = list(supplier.statuses([str(number) for number in range(120)]))
        assert len({one.ref for one in reports if isinstance(one, StatusReport)}) == 120
        assert partner.calls["query_station_status"] == 3

    def test_one_refused_gun_leaves_the_others(self, partner: Partner, supplier: CecSupplier) -> None:
        partner.answers["query_equip_business_policy"] = lambda message: (
            4004 if message["ConnectorID"] == "G3" else {"SuccStat": 0, "PolicyInfos": [period("000000")]}
        )
        answers = list(supplier.prices([ConnectorRef(PARTNER, f"G{number}") for number in range(30)]))
        [refused] = [one for one in answers if isinstance(one, Rejected)]
        assert (refused.external_id, refused.reason, refused.detail) == ("G3", "refused", "Ret 4004 no")
        assert len(answers) == 30

    def test_one_unanswered_gun_leaves_the_others_but_the_pull_has_failed(
        self, partner: Partner, supplier: CecSupplier
    ) -> None:
        partner.answers["query_equip_business_policy"] = lambda message: (
            -1 if message["ConnectorID"] == "G3" else {"SuccStat": 0, "PolicyInfos": [period("000000")]}
        )
        answers: list[Any] = []
        with pytest.raises(SupplierUnavailable, match="Ret -1"):
            answers.extend(supplier.prices([ConnectorRef(PARTNER, f"G{number}") for number in range(30)]))
        assert len(answers) == 29

    def test_failures_here_and_there_are_not_a_partner_that_is_away(
        self, partner: Partner, supplier: CecSupplier
    ) -> None:
        partner.answers["query_equip_business_policy"] = lambda message: (
            -1 if message["ConnectorID"].endswith("0") else {"SuccStat": 0, "PolicyInfos": [period("000000")]}
        )
        answers: list[Any] = []
        with pytest.raises(SupplierUnavailable, match="Ret -1"):
            answers.extend(supplier.prices([ConnectorRef(PARTNER, f"G{number}") for number in range(100)]))
        assert len(answers) == 90

    def test_gives_up_on_a_partner_that_is_away(self, partner: Partner, supplier: CecSupplier) -> None:
        partner.answers["query_equip_business_policy"] = lambda message: 500
        with pytest.raises(SupplierUnavailable, match="Ret 500"):
            list(supplier.prices([ConnectorRef(PARTNER, f"G{number}") for number in range(500)]))
        assert partner.calls["query_equip_business_policy"] < 15

    def test_who_stops_listening_stops_the_calls(self, partner: Partner, supplier: CecSupplier) -> None:
        partner.answers["query_equip_business_policy"] = lambda message: {
            "SuccStat": 0, "PolicyInfos": [period("000000")],
        }  # fmt: skip
        prices = supplier.prices([ConnectorRef(PARTNER, f"G{number}") for number in range(500)])
        assert next(iter(prices))
        prices.close()  # type: ignore[attr-defined]
        assert partner.calls["query_equip_business_policy"] < 15
