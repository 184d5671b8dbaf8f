"""Calls to one T/CEC 102 partner: log in, seal, send, open, page. Knows interfaces, not their meaning."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from adapters.cec import json_text
from adapters.cec.config import CecConfig
from adapters.cec.envelope import EnvelopeRefused, Keys, Reply, Ret, Stamps, open_response, seal_request
from adapters.cec.sequences import is_ours, mint_start_seq
from adapters.http import CATALOGUE, COMMAND, STATUS, Patience, SupplierHttp
from core.errors import SupplierUnavailable
from core.ports import Clock

MOST_STATIONS_A_CALL = 50  # query_station_status, T/CEC 102.3
_MOST_PAGES = 2000
# A token is not used in its last minute: it could end on the way.
_TOKEN_MARGIN = timedelta(seconds=60)
_SHORTEST_TOKEN, _LONGEST_TOKEN = timedelta(seconds=30), timedelta(days=7)


_BUSY_PAUSE_S = 0.2

# These are about the partner or about us as a caller; any other code (4004, private ones) is about the question.
_NO_ANSWER = frozenset({Ret.BUSY, Ret.BROKEN, Ret.BAD_SIGNATURE, Ret.BAD_TOKEN, Ret.BAD_ENVELOPE})
# No such order: bad parameters, or the private codes of hmcs.
_NOT_FOUND = frozenset({Ret.BAD_PARAMETERS, 4008, 4009, 4010})


class CecAnswered(SupplierUnavailable):
    """The partner answered with a Ret that is not 0. Such an answer proves nothing beyond the failure."""

    def __init__(self, name: str, interface: str, reply: Reply) -> None:
        super().__init__(name, interface, f"Ret {reply.ret} {reply.msg}".strip())
        self.ret = reply.ret

    @property
    def turned_away(self) -> bool:
        """The envelope was not accepted (40xx), so nothing was done. Busy and broken servers may have begun."""
        return 4000 <= self.ret < 4100


class CecRefused(CecAnswered):
    """The partner is there and refuses this one question; the next may be answered."""


@dataclass(frozen=True, slots=True)
class _Token:
    text: str
    good_until: datetime


class CecClient:
    """One partner's interfaces. Safe from many threads: they share one token, because a second login may kill it."""

    def __init__(self, config: CecConfig, clock: Clock, sleep: Callable[[float], None] = time.sleep) -> None:
        self._config, self._clock, self._sleep = config, clock, sleep
        self._keys: Keys = config.keys
        self._http = SupplierHttp(config.name, config.base_url)
        self._stamps = Stamps(clock.now)
        self._login = threading.Lock()
        self._token: _Token | None = None

    # --- interfaces -----------------------------------------------------------------------------------------

    def query_stations_info(self) -> Iterator[Any]:
        """Every StationInfo, page by page. Raises SupplierUnavailable when the list cannot be finished.

        PageCount and ItemSize are not trusted alone: the walk ends where a page brings nothing new (a page
        beyond the end echoes its number), and is complete only if no more rows were promised.
        """
        seen: set[str] = set()
        rows_read = 0
        for page_no in range(1, _MOST_PAGES + 1):
            page = self.stations_page(page_no, self._config.dialect.page_size)
            rows = _rows(page, "StationInfos")
            fresh = [row for row in rows if _row_key(row) not in seen]
            promised = _number(page.get("ItemSize"))
            if not fresh:
                if rows_read < promised:
                    detail = f"the list ended after {rows_read} of {promised} stations"
                    raise SupplierUnavailable(self._config.name, "query_stations_info", detail)
                return
            for row in fresh:
                if _row_key(row) not in seen:
                    seen.add(_row_key(row))
                    yield row
            rows_read += len(rows)
            if page_no >= _number(page.get("PageCount")) and rows_read >= promised:
                return
        raise SupplierUnavailable(self._config.name, "query_stations_info", f"more than {_MOST_PAGES} pages")

    def stations_page(self, page_no: int, page_size: int) -> Mapping[str, Any]:
        """LastQueryTime stays empty: partners refresh once a day, so a short window returns nothing."""
        message = {"LastQueryTime": "", "PageNo": page_no, "PageSize": page_size}
        return self._call("query_stations_info", message, CATALOGUE)

    def query_station_status(self, station_ids: Sequence[str]) -> list[Any]:
        """The StationStatusInfos of at most 50 stations."""
        if not 1 <= len(station_ids) <= MOST_STATIONS_A_CALL:
            raise ValueError(f"1 to {MOST_STATIONS_A_CALL} stations a call")
        answer = self._call("query_station_status", {"StationIDs": list(station_ids)}, STATUS)
        return _rows(answer, "StationStatusInfos")

    def query_equip_business_policy(self, connector_id: str) -> Mapping[str, Any]:
        message = {"EquipBizSeq": self.new_seq(), "ConnectorID": connector_id}
        return self._call("query_equip_business_policy", message, STATUS)

    def query_equip_auth(self, connector_id: str) -> Mapping[str, Any]:
        """Is the gun plugged in and healthy. A question, so it may be asked again."""
        message = {"EquipAuthSeq": self.new_seq(), "ConnectorID": connector_id}
        return self._call("query_equip_auth", message, STATUS)

    def query_start_charge(self, start_seq: str, connector_id: str, qr_code: str) -> Mapping[str, Any]:
        """Ask for a charge under our number. Sent once: the answer may be lost and the gun live all the same."""
        message = {"StartChargeSeq": self._own(start_seq), "ConnectorID": connector_id, "QRCode": qr_code}
        return self._call("query_start_charge", message, COMMAND)

    def query_stop_charge(self, start_seq: str, connector_id: str) -> Mapping[str, Any]:
        message = {"StartChargeSeq": self._own(start_seq), "ConnectorID": connector_id}
        return self._call("query_stop_charge", message, COMMAND)

    def query_equip_charge_status(self, start_seq: str) -> Mapping[str, Any] | None:
        """The live state, or None where the partner knows no such number."""
        try:
            answer = self._call("query_equip_charge_status", {"StartChargeSeq": self._own(start_seq)}, STATUS)
        except CecRefused as refusal:
            if refusal.ret in _NOT_FOUND:
                return None
            raise
        return answer if _number(answer.get("SuccStat")) == 0 and answer.get("StartChargeSeq") else None

    def new_seq(self) -> str:
        """27 characters that name one exchange."""
        return mint_start_seq(self._config.our_operator_id)

    def _own(self, start_seq: str) -> str:
        if not is_ours(start_seq, self._config.our_operator_id):
            raise ValueError("a StartChargeSeq is our operator id and 18 letters and digits")
        return start_seq

    def log_in(self) -> None:
        """Make sure of a token. The other interfaces do it by themselves."""
        self._valid_token(refused=None)

    # --- one call -------------------------------------------------------------------------------------------

    def _call(self, interface: str, message: Mapping[str, Any], patience: Patience) -> Mapping[str, Any]:
        """One answer, with our spelling of its own keys; the rows in it are as the partner wrote them."""
        reply = self._answer(interface, message, patience)
        for pause in range(1, patience.tries):
            if reply.ret != Ret.BUSY:
                break
            self._sleep(random.uniform(0, _BUSY_PAUSE_S * 2**pause))
            reply = self._answer(interface, message, patience)
        if reply.ret != Ret.OK:
            raise self._refusal(interface, reply)
        return self._config.dialect.keys(reply.data)

    def _answer(self, interface: str, message: Mapping[str, Any], patience: Patience) -> Reply:
        token = self._valid_token(refused=None)
        reply = self._exchange(interface, message, patience, token)
        if reply.ret == Ret.BAD_TOKEN:  # it may have been replaced by another process's login: once more
            reply = self._exchange(interface, message, patience, self._valid_token(refused=token))
        return reply

    def _refusal(self, interface: str, reply: Reply) -> CecAnswered:
        kind = CecAnswered if reply.ret in _NO_ANSWER else CecRefused
        return kind(self._config.name, interface, reply)

    def _exchange(
        self, interface: str, message: Mapping[str, Any], patience: Patience, token: _Token | None
    ) -> Reply:
        wire = self._config.dialect.write(message, interface)

        def body() -> bytes:
            envelope = seal_request(self._config.our_operator_id, self._keys, wire, self._stamps.next())
            return json_text.write(envelope).encode()

        headers = {"Authorization": f"Bearer {token.text}"} if token else {}
        path = f"{self._config.path_prefix.strip('/')}/{interface}"
        answer = self._http.post(path, patience, body=body, headers=headers)
        try:
            return open_response(answer, self._keys)
        except EnvelopeRefused as refusal:
            raise SupplierUnavailable(self._config.name, interface, refusal.reason) from refusal

    def _valid_token(self, refused: _Token | None) -> _Token:
        """The token to use: the one we have, or a new one where it has run out or is the `refused` one."""
        with self._login:
            token = self._token
            if token is None or token is refused or token.good_until <= self._clock.now():
                token = self._token = self._query_token()
            return token

    def _query_token(self) -> _Token:
        message = {"OperatorID": self._config.our_operator_id, "OperatorSecret": self._config.operator_secret}
        asked_at = self._clock.now()
        reply = self._exchange("query_token", message, STATUS, None)
        if reply.ret != Ret.OK:
            raise self._refusal("query_token", reply)
        answer = self._config.dialect.keys(reply.data)
        text = answer.get("AccessToken")
        if _number(answer.get("SuccStat")) != 0 or not isinstance(text, str) or not text:
            why = f"no token, FailReason {_number(answer.get('FailReason'))}"
            raise SupplierUnavailable(self._config.name, "query_token", why)
        length = timedelta(seconds=min(_number(answer.get("TokenAvailableTime")), 10**7))
        length = min(max(length - _TOKEN_MARGIN, _SHORTEST_TOKEN), _LONGEST_TOKEN)
        return _Token(text, asked_at + length)


def _rows(answer: Mapping[str, Any], name: str) -> list[Any]:
    rows = answer.get(name)
    return rows if isinstance(rows, list) else []


def _row_key(row: Any) -> str:
    """What makes a row of the list new: its station id, or all of it where it has none."""
    if not isinstance(row, Mapping):
        return repr(row)
    station_id = row.get("StationID") or row.get("stationId")
    return str(station_id) if station_id else repr(row)


def _number(value: Any) -> int:
    """A count that may come as text (Total at Xiaoju); 0 for anything else."""
    text = str(value).strip() if not isinstance(value, bool) else ""
    return int(text[:12]) if text.isascii() and text.isdigit() else 0
