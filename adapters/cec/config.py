"""What we need to know of one T/CEC 102 partner."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from adapters.cec.dialects import CEC_2016, Dialect
from adapters.cec.envelope import Keys
from core.charging import REASONS
from core.geo import Datum


@dataclass(frozen=True, slots=True)
class Inbound:
    """How a partner reaches us: the set of secrets that we issued to it, and where it calls.

    `loopback_only` refuses callers from other machines: for a set of keys that everybody can read.
    """

    operator_secret: str = field(repr=False)
    data_secret: str = field(repr=False)
    data_secret_iv: str = field(repr=False)
    sig_secret: str = field(repr=False)
    path_prefix: str = "/evcs/v1"
    loopback_only: bool = False

    def __post_init__(self) -> None:
        problems = [] if self.operator_secret else ["inbound operator_secret is missing"]
        parts = self.path_prefix.split("/")
        if parts[0] or len(parts) < 3 or not all(part.isascii() and part.isalnum() for part in parts[1:]):
            problems.append("inbound_path_prefix must look like /evcs/v1")
        if problems:
            raise ValueError("; ".join(problems))
        _ = self.keys  # says what is wrong with the other secrets

    @property
    def keys(self) -> Keys:
        return Keys(self.data_secret, self.data_secret_iv, self.sig_secret)


@dataclass(frozen=True, slots=True)
class CecConfig:
    """A partner's block in the suppliers file. The secrets are the set that the partner issued to us.

    `start_reasons` are the partner's own codes (3-99) for a refused start, in our words, and `auth_reasons` those for
    a gun that may not be started; `inbound` is there for a partner that pushes. `sells` are the operator ids whose
    guns it may speak for; empty: nobody said, and the driver confirms the station of a gun that is not the partner's
    own.
    """

    supplier_id: str
    name: str
    base_url: str
    our_operator_id: str
    their_operator_id: str
    operator_secret: str = field(repr=False)
    data_secret: str = field(repr=False)
    data_secret_iv: str = field(repr=False)
    sig_secret: str = field(repr=False)
    path_prefix: str = "/evcs/v20161110/"
    datum: Datum = Datum.GCJ02
    dialect: Dialect = CEC_2016
    start_reasons: Mapping[int, str] = field(default_factory=dict)
    auth_reasons: Mapping[int, str] = field(default_factory=dict)
    inbound: Inbound | None = None
    sells: tuple[str, ...] = ()
    licence: str = ""
    attribution: str = ""

    def __post_init__(self) -> None:
        ids = (("our_operator_id", self.our_operator_id), ("their_operator_id", self.their_operator_id))
        problems = [f"{name} must have 9 characters" for name, text in ids if len(text) != 9]
        if not self.operator_secret:
            problems.append("operator_secret is missing")
        if not self.base_url.startswith(("https://", "http://")):
            problems.append("base_url must be an http(s) address")
        for name, reasons in (("start_reasons", self.start_reasons), ("auth_reasons", self.auth_reasons)):
            if unknown := sorted(set(reasons.values()) - REASONS):
                problems.append(f"{name} may be {', '.join(sorted(REASONS))}; not {', '.join(unknown)}")
        if problems:
            raise ValueError(f"{self.supplier_id}: " + "; ".join(problems))
        _ = self.keys  # says what is wrong with the other secrets

    @property
    def keys(self) -> Keys:
        return Keys(self.data_secret, self.data_secret_iv, self.sig_secret)
