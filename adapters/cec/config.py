"""What we need to know of one T/CEC 102 partner."""

from __future__ import annotations

from dataclasses import dataclass, field

from adapters.cec.dialects import CEC_2016, Dialect
from adapters.cec.envelope import Keys
from core.geo import Datum


@dataclass(frozen=True, slots=True)
class CecConfig:
    """A partner's block in the suppliers file. The secrets are the set that the partner issued to us."""

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
    licence: str = ""
    attribution: str = ""

    def __post_init__(self) -> None:
        ids = (("our_operator_id", self.our_operator_id), ("their_operator_id", self.their_operator_id))
        problems = [f"{name} must have 9 characters" for name, text in ids if len(text) != 9]
        if not self.operator_secret:
            problems.append("operator_secret is missing")
        if not self.base_url.startswith(("https://", "http://")):
            problems.append("base_url must be an http(s) address")
        if problems:
            raise ValueError(f"{self.supplier_id}: " + "; ".join(problems))
        _ = self.keys  # says what is wrong with the other secrets

    @property
    def keys(self) -> Keys:
        return Keys(self.data_secret, self.data_secret_iv, self.sig_secret)
