"""Our connections: who may call us, whom we call, with which token, where and in which version."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime, timedelta

from adapters.ocpi.sealed import Sealer
from adapters.ocpi.tokens import candidates, fingerprint
from adapters.ocpi.versions import VERSIONS, Party, Rules
from adapters.text import utc
from core.ports import Clock, Database, Partner, PartnerState

KIND = "ocpi"
# So long a token that another process has revoked is still taken.
REMEMBERED_FOR = timedelta(seconds=1)
MOST_REMEMBERED = 1_000


@dataclass(frozen=True, slots=True)
class Endpoint:
    module: str
    role: str  # of the side that serves it: SENDER or RECEIVER; "" in 2.1.1
    url: str


@dataclass(frozen=True, slots=True)
class Connection:
    """What we know of a partner. `sealed_token` is the one we send; see `Partners.token`."""

    version: str = "2.2.1"
    versions_url: str = ""
    sealed_token: str = field(default="", repr=False)
    encodes: bool = True  # whether our token goes out in Base64
    endpoints: tuple[Endpoint, ...] = ()
    origins: tuple[str, ...] = ()
    parties: tuple[Party, ...] = ()
    our_url: str = ""  # where this partner reaches us; "" stands for PUBLIC_URL
    newest_pulled: datetime | None = None  # the latest `last_updated` a pull of locations has seen

    @property
    def rules(self) -> Rules:
        return VERSIONS[self.version]

    def endpoint(self, module: str, role: str) -> str:
        """Their address for a module in this role of theirs, "" when they have none."""
        return next((one.url for one in self.endpoints if one.module == module and one.role in (role, "")), "")

    def owns(self, country_code: str, party_id: str) -> bool:
        """Whether this partner may speak of that party's objects."""
        return (country_code + party_id).upper() in {one.key for one in self.parties}


@dataclass(frozen=True, slots=True)
class Known:
    """A partner as stored."""

    supplier_id: str
    state: PartnerState
    connection: Connection
    is_rotating: bool = False


class Partners:
    """The stored partners. Each method is one short transaction; none is open while anybody is called."""

    def __init__(self, database: Database, sealer: Sealer, clock: Clock) -> None:
        self.database, self.sealer, self.clock = database, sealer, clock
        self._callers = _Callers()

    def get(self, supplier_id: str) -> Known | None:
        with self.database.read() as unit:
            partner = unit.partners.get(supplier_id)
        return _known(partner) if partner and partner.kind == KIND else None

    def caller(self, authorization: str | None) -> tuple[Known, str] | None:
        """Whose token stands in the header, and the token."""
        now, as_of = self.clock.now(), self._callers.changes
        for token in reversed(candidates(authorization)):  # most come in Base64
            with self.database.read() as unit:
                partner = unit.partners.by_token(fingerprint(token))
            if partner and partner.kind == KIND:
                known = _known(partner)
                self._callers.remember(authorization, known, token, now, as_of)
                return known, token
        return None

    def recent_caller(self, authorization: str | None) -> tuple[Known, str] | None:
        """The same, a second late in what other processes have changed."""
        return self._callers.get(authorization, self.clock.now()) or self.caller(authorization)

    def token(self, connection: Connection) -> str:
        return self.sealer.open(connection.sealed_token)

    def invite(self, supplier_id: str, token_a: str, connection: Connection) -> None:
        """They may register with us under this token."""
        self._save(supplier_id, PartnerState.INVITED, fingerprint(token_a), None, connection)

    def await_answer(self, supplier_id: str, token_b: str, connection: Connection) -> None:
        """Our registration is open: they may call back with this token from now on."""
        self._save(supplier_id, PartnerState.PENDING, None, fingerprint(token_b), connection)

    def also_accept(self, supplier_id: str, token: str) -> None:
        """A rotation is open: old and new token are both good."""
        self._change(supplier_id, lambda one: replace(one, pending_token_hash=fingerprint(token)))

    def keep_old(self, supplier_id: str) -> None:
        """The rotation was refused."""
        self._change(supplier_id, lambda one: replace(one, pending_token_hash=None))

    def settle(self, supplier_id: str, our_token: str, connection: Connection) -> None:
        """Both sides have their tokens: only these are good now."""
        self._save(supplier_id, PartnerState.REGISTERED, fingerprint(our_token), None, connection)

    def saw(self, supplier_id: str, newest: datetime) -> None:
        """A pull of locations has seen this `last_updated`."""

        def later(partner: Partner) -> Partner:
            connection = _read(partner.document)
            if connection.newest_pulled is not None and connection.newest_pulled >= newest:
                return partner
            return replace(partner, document=_written(replace(connection, newest_pulled=newest)))

        self._change(supplier_id, later)

    def reseal(self, supplier_id: str) -> bool:
        """Seal the token that we send with the present key; False when it is. Raises Unreadable."""
        resealed = False

        def anew(partner: Partner) -> Partner:
            nonlocal resealed
            connection = _read(partner.document)
            if not connection.sealed_token or self.sealer.is_current(connection.sealed_token):
                return partner
            resealed = True
            sealed = self.sealer.seal(self.token(connection))
            return replace(partner, document=_written(replace(connection, sealed_token=sealed)))

        self._change(supplier_id, anew)
        return resealed

    def remove(self, supplier_id: str) -> None:
        with self._callers.changing(), self.database.write() as unit:
            unit.partners.remove(supplier_id)

    def _save(
        self,
        supplier_id: str,
        state: PartnerState,
        token_hash: str | None,
        pending: str | None,
        connection: Connection,
    ) -> None:
        document = _written(connection)
        with self._callers.changing(), self.database.write() as unit:
            unit.partners.save(
                Partner(supplier_id, KIND, state, token_hash, pending, document, self.clock.now()),
            )

    def _change(self, supplier_id: str, change: Callable[[Partner], Partner]) -> None:
        with self._callers.changing(), self.database.write() as unit:
            partner = unit.partners.get(supplier_id)
            if partner is not None and (changed := change(partner)) is not partner:
                unit.partners.save(replace(changed, updated_at=self.clock.now()))


class _Callers:
    """Who was let in a moment ago: a partner that pushes a thousand states a second is not looked up for each.

    Only settled partners: during a handshake each call may find another state than the one before.
    """

    def __init__(self) -> None:
        self.changes = 0
        self._kept: dict[str | None, tuple[datetime, Known, str]] = {}

    def get(self, authorization: str | None, now: datetime) -> tuple[Known, str] | None:
        found = self._kept.get(authorization)
        # A clock that was put back must not keep anybody.
        if found is None or not timedelta(0) <= now - found[0] < REMEMBERED_FOR:
            return None
        return found[1], found[2]

    def remember(self, authorization: str | None, known: Known, token: str, at: datetime, as_of: int) -> None:
        """`as_of` is what `changes` was before the look: what was seen during a change may be over already."""
        if known.state is not PartnerState.REGISTERED or known.is_rotating:
            return
        if len(self._kept) >= MOST_REMEMBERED:
            self._kept.clear()
        self._kept[authorization] = at, known, token
        # Looked at last: a change in between either sees the entry or is seen here.
        if as_of != self.changes:
            self._kept.clear()

    @contextmanager
    def changing(self) -> Iterator[None]:
        """Around a change of any partner, its commit included."""
        try:
            yield
        finally:
            self.changes += 1
            self._kept.clear()


def _known(partner: Partner) -> Known:
    return Known(partner.id, partner.state, _read(partner.document), partner.pending_token_hash is not None)


def _written(connection: Connection) -> str:
    return json.dumps(asdict(connection), default=lambda moment: moment.isoformat())


def _read(document: str) -> Connection:
    values = json.loads(document)
    return Connection(
        **values
        | {
            "endpoints": tuple(Endpoint(**one) for one in values["endpoints"]),
            "origins": tuple(values["origins"]),
            "parties": tuple(Party(**one) for one in values["parties"]),
            "newest_pulled": utc(values["newest_pulled"]),
        }
    )
