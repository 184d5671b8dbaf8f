"""A T/CEC 102 partner behind the ports of core: what the catalogue, status and price jobs talk to."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from functools import partial
from itertools import islice
from typing import Any, TypeVar

from adapters.cec import charging, messages
from adapters.cec.client import MOST_STATIONS_A_CALL, CecAnswered, CecClient, CecRefused
from adapters.cec.config import CecConfig
from adapters.cec.sequences import mint_start_seq
from adapters.http import NotAsked, past_the_breaker
from core.charging import CommandReply, Outcome, SessionUpdate
from core.errors import SupplierUnavailable
from core.ports import Clock
from core.station import ConnectorRef, Rejected, Station, StatusReport, Supplier
from core.tariff import Tariff

Answer = TypeVar("Answer")

_AT_ONCE = 4  # calls to one partner (its bulkhead)
_GIVE_UP_AFTER = 5  # calls without an answer, one after the other
_LONGEST_PULL_S = 900.0


class CecSupplier:
    """One partner. Lists stations, reports statuses, publishes tariffs, charges; see `adapters/README.md`."""

    def __init__(self, config: CecConfig, clock: Clock) -> None:
        self.supplier = Supplier(
            id=config.supplier_id,
            kind="cec",
            name=config.name,
            licence=config.licence,
            attribution=config.attribution,
            url=config.base_url,
            datum=config.datum,
        )
        self._config, self._clock = config, clock
        self._client = CecClient(config, clock)
        self._listed_tariffs: dict[str, Tariff] = {}

    def ping(self) -> None:
        """Log in if need be, and read one station."""
        with past_the_breaker():
            self._client.stations_page(1, 1)

    def stations(self) -> Iterator[Station | Rejected]:
        self._listed_tariffs = {}
        for row in self._client.query_stations_info():
            tariff = messages.read_listed_prices(row, self._config)
            if isinstance(tariff, Rejected):
                yield tariff
                tariff = None
            if tariff is not None:
                self._listed_tariffs[tariff.id] = tariff
            seen_at = self._clock.now()
            for one in messages.read_station(row, self._config):
                yield one if tariff is None or isinstance(one, Rejected) else messages.priced(one, tariff, seen_at)

    def tariffs(self) -> dict[str, Tariff]:
        """The prices that came with the station list, where the dialect has them there."""
        return dict(self._listed_tariffs)

    def statuses(self, external_ids: Sequence[str]) -> Iterator[StatusReport | Rejected]:
        batches = [
            external_ids[n : n + MOST_STATIONS_A_CALL] for n in range(0, len(external_ids), MOST_STATIONS_A_CALL)
        ]
        calls = (partial(self._statuses, batch) for batch in batches)
        for answer in self._answers("query_station_status", calls):
            yield from answer

    def prices(self, refs: Sequence[ConnectorRef]) -> Iterator[tuple[ConnectorRef, Tariff] | Rejected]:
        """Asked gun by gun: the guns of one station can have different tariffs."""
        for answer in self._answers("query_equip_business_policy", (partial(self._price, ref) for ref in refs)):
            if answer is not None:
                yield answer

    # --- charging -------------------------------------------------------------------------------------------

    def new_start_seq(self) -> str:
        return mint_start_seq(self._config.our_operator_id)

    def check(self, ref: ConnectorRef) -> CommandReply:
        call = partial(self._client.query_equip_auth, ref.connector_id)
        return self._command(call, lambda answer: charging.read_auth(answer, ref.connector_id, self._config))

    def start(self, ref: ConnectorRef, *, start_seq: str, gun_code_rest: str = "") -> CommandReply:
        """Where the dialect has it, the gun is asked for first: a no, or no answer, starts nothing."""
        if self._config.dialect.asks_before_start and (refusal := self._refused_before(ref)) is not None:
            return refusal
        call = partial(self._client.query_start_charge, start_seq, ref.connector_id, gun_code_rest)
        return self._command(call, self._reads("query_start_charge", start_seq))

    def stop(self, ref: ConnectorRef, *, start_seq: str) -> CommandReply:
        call = partial(self._client.query_stop_charge, start_seq, ref.connector_id)
        return self._command(call, self._reads("query_stop_charge", start_seq))

    def _refused_before(self, ref: ConnectorRef) -> CommandReply | None:
        """Why the start is not to be sent; None where the gun may be started."""
        reply = self.check(ref)
        if reply.outcome is Outcome.UNKNOWN:
            # A question that nobody answered. The start did not leave us, so this is a no and no silence.
            return CommandReply(Outcome.REJECTED, "not_sent", reply.detail)
        return None if reply.outcome is Outcome.ACCEPTED else reply

    def _reads(self, interface: str, start_seq: str) -> Callable[[Mapping[str, Any]], CommandReply]:
        return lambda answer: charging.read_reply(answer, interface, self._config, start_seq)

    def session(self, start_seq: str) -> SessionUpdate | None:
        answer = self._client.query_equip_charge_status(start_seq)
        if answer is None:
            return None
        update = charging.read_session(self._config.dialect.read(answer), self._config, self._clock.now())
        if isinstance(update, Rejected) or update.start_seq != start_seq:
            why = update.reason if isinstance(update, Rejected) else "another number"
            raise SupplierUnavailable(self._config.name, "query_equip_charge_status", why)
        return update

    def _command(
        self, call: Callable[[], Mapping[str, Any]], read: Callable[[Mapping[str, Any]], CommandReply]
    ) -> CommandReply:
        """Only an answer that was understood, or a request that was turned away, is a yes or a no."""
        try:
            self._client.log_in()
        except SupplierUnavailable as error:
            return CommandReply(Outcome.UNKNOWN, "not_sent", error.detail)
        try:
            answer = call()
        except CecAnswered as failure:
            if failure.turned_away:
                return CommandReply(Outcome.REJECTED, "other", failure.detail)
            return CommandReply(Outcome.UNKNOWN, detail=failure.detail)
        except NotAsked as error:
            return CommandReply(Outcome.UNKNOWN, "not_sent", error.detail)
        except SupplierUnavailable as error:
            return CommandReply(Outcome.UNKNOWN, detail=error.detail)
        return read(self._config.dialect.read(answer))

    # --- many calls at once -----------------------------------------------------------------------------------

    def _statuses(self, station_ids: Sequence[str]) -> list[StatusReport | Rejected]:
        # Statuses carry no time of their own: what we hear was true no earlier than when we asked.
        asked_at = self._clock.now()
        try:
            rows = self._client.query_station_status(station_ids)
        except CecRefused as refusal:
            return [Rejected(one, "refused", refusal.detail) for one in station_ids]
        return [report for row in rows for report in messages.read_station_status(row, self._config, asked_at)]

    def _price(self, ref: ConnectorRef) -> tuple[ConnectorRef, Tariff] | Rejected | None:
        try:
            answer = self._client.query_equip_business_policy(ref.connector_id)
        except CecRefused as refusal:
            return Rejected(ref.connector_id, "refused", refusal.detail)
        return messages.read_policy(answer, ref, self._config)

    def _answers(self, asked: str, calls: Iterator[Callable[[], Answer]]) -> Iterator[Answer]:
        """The answers to many calls, a few at once, as they come.

        One call without an answer does not stop the others, but the pull then ends in SupplierUnavailable;
        several in a row, or too long a pull, end it at once.
        """
        first = list(islice(calls, _AT_ONCE))
        if not first:
            return
        self._client.log_in()  # before the pool: who cannot log in need not be asked five times
        deadline = time.monotonic() + _LONGEST_PULL_S
        silent, last_error = 0, None
        pool = ThreadPoolExecutor(_AT_ONCE, thread_name_prefix=f"cec-{self.supplier.id}")
        try:
            waiting: set[Future[Answer]] = {pool.submit(call) for call in first}
            while waiting:
                done, waiting = wait(waiting, return_when=FIRST_COMPLETED)
                waiting |= {pool.submit(call) for call in islice(calls, len(done))}
                for future in done:
                    try:
                        answer = future.result()
                    except SupplierUnavailable as error:
                        silent, last_error = silent + 1, error
                        if silent >= _GIVE_UP_AFTER:
                            raise
                    else:
                        silent = 0
                        yield answer
                if time.monotonic() > deadline:
                    raise SupplierUnavailable(self._config.name, asked, f"took longer than {_LONGEST_PULL_S:.0f} s")
        finally:
            pool.shutdown(wait=True, cancel_futures=True)
        if last_error is not None:
            raise last_error
