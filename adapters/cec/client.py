"""Calls to one T/CEC 102 partner: log in, seal, send, open, page. Knows interfaces, not their meaning."""

from __future__ import annotations

import secrets
import threading
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from adapters.cec import json_text
from adapters.cec.config import CecConfig
from adapters.cec.envelope import CHINA, EnvelopeRefused, Keys, Reply, Ret, Stamps, open_response, seal_request
from adapters.http import CATALOGUE, STATUS, Patience, SupplierHttp
from core.errors import SupplierUnavailable
from core.ports import Clock

MOST_STATIONS_A_CALL = 50  # query_station_status, T/CEC 102.3
_MOST_PAGES = 2000
# A token is not used in its last minute: it could end on the way.
_TOKEN_MARGIN = timedelta(seconds=60)
_SHORTEST_TOKEN, _LONGEST_TOKEN = timedelta(seconds=30), timedelta(days=7)


# These are about the partner or about us as a caller; any other code (4004, private ones) is about the question.
_NO_ANSWER = frozenset({Ret.BUSY, Ret.BROKEN, Ret.BAD_SIGNATURE, Ret.BAD_TOKEN, Ret.BAD_ENVELOPE})


class CecRefused(SupplierUnavailable):
    """The partner is there and refuses this one question; the next may be answered."""


@dataclass(frozen=True, slots=True)
class _Token:
    text: str
    good_until: datetime


class CecClient:
    """One partner's interfaces. Safe from many threads: they share one token, because a second login may kill it."""

    def __init__(self, config: CecConfig, clock: Clock) -> None:
        self._config, self._clock = config, clock
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

    def new_seq(self) -> str:
        """27 characters that name one exchange: our operator id and 18 of our own (yyMMdd + 12 digits)."""
        day = self._clock.now().astimezone(CHINA).strftime("%y%m%d")
        return f"{self._config.our_operator_id}{day}{secrets.randbelow(10**12):012d}"

    def log_in(self) -> None:
        """Make sure of a token. The other interfaces do it by themselves."""
        self._valid_token(refused=None)

    # --- one call -------------------------------------------------------------------------------------------

    def _call(self, interface: str, message: Mapping[str, Any], patience: Patience) -> Mapping[str, Any]:
        token = self._valid_token(refused=None)
        reply = self._exchange(interface, message, patience, token)
        if reply.ret == Ret.BAD_TOKEN:  # it may have been replaced by another process's login: once more
            reply = self._exchange(interface, message, patience, self._valid_token(refused=token))
        if reply.ret != Ret.OK:
            raise self._refusal(interface, reply)
        return reply.data

    def _refusal(self, interface: str, reply: Reply) -> SupplierUnavailable:
        kind = SupplierUnavailable if reply.ret in _NO_ANSWER else CecRefused
        return kind(self._config.name, interface, f"Ret {reply.ret} {reply.msg}".strip())

    def _exchange(
        self, interface: str, message: Mapping[str, Any], patience: Patience, token: _Token | None
    ) -> Reply:
        def body() -> bytes:
            envelope = seal_request(self._config.our_operator_id, self._keys, message, self._stamps.next())
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
        text = reply.data.get("AccessToken")
        if _number(reply.data.get("SuccStat")) != 0 or not isinstance(text, str) or not text:
            why = f"no token, FailReason {_number(reply.data.get('FailReason'))}"
            raise SupplierUnavailable(self._config.name, "query_token", why)
        length = timedelta(seconds=min(_number(reply.data.get("TokenAvailableTime")), 10**7))
        length = min(max(length - _TOKEN_MARGIN, _SHORTEST_TOKEN), _LONGEST_TOKEN)
        return _Token(text, asked_at + length)


def _rows(answer: Mapping[str, Any], name: str) -> list[Any]:
    rows = answer.get(name)
    return rows if isinstance(rows, list) else []


def _row_key(row: Any) -> str:
    """What makes a row of the list new: its station id, or all of it where it has none."""
    station_id = row.get("StationID") if isinstance(row, Mapping) else None
    return str(station_id) if station_id else repr(row)


def _number(value: Any) -> int:
    """A count that may come as text (Total at Xiaoju); 0 for anything else."""
    text = str(value).strip() if not isinstance(value, bool) else ""
    return int(text[:12]) if text.isascii() and text.isdigit() else 0
