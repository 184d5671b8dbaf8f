"""The suppliers file: one block per live supplier, and the table of kinds that can be built from it."""

from __future__ import annotations

import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from adapters.cec.config import CecConfig, Inbound
from adapters.cec.dialects import CEC_2016, DIALECTS
from adapters.cec.supplier import CecSupplier
from adapters.ocpi.config import OcpiConfig
from adapters.ocpi.house import House
from adapters.ocpi.origins import origin_of
from adapters.ocpi.supplier import OcpiSupplier
from adapters.ocpi.versions import Party
from adapters.openchargemap.supplier import BASE_URL, OcmConfig, OcmSupplier
from adapters.sandbox import sandbox_config
from core.errors import ConfigurationError
from core.geo import Datum
from core.ports import Clock, ListsStations


@dataclass(frozen=True, slots=True)
class SupplierSettings:
    """One supplier, ready to be opened."""

    id: str
    kind: str
    config: CecConfig | OcpiConfig | OcmConfig = field(repr=False)

    @property
    def secrets(self) -> tuple[str, ...]:
        if isinstance(self.config, OcpiConfig):
            return ()  # its tokens stand in the database, encrypted
        if isinstance(self.config, OcmConfig):
            return (self.config.api_key,)
        sets = (self.config, self.config.inbound) if self.config.inbound else (self.config,)
        return tuple(
            secret
            for keys in sets
            for secret in (keys.operator_secret, keys.data_secret, keys.data_secret_iv, keys.sig_secret)
        )


def default_suppliers(sandbox_url: str) -> tuple[SupplierSettings, ...]:
    """Without a suppliers file: the sandbox that ships with the product."""
    config = sandbox_config(sandbox_url)
    return (SupplierSettings(config.supplier_id, "sandbox", config),)


def read_suppliers(path: Path, env: Mapping[str, str]) -> tuple[SupplierSettings, ...]:
    """Read the file; secrets are named in it and stand in the environment. Raises ConfigurationError."""
    try:
        blocks = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise ConfigurationError([f"{path.name} cannot be read: {error}"]) from error
    problems: list[str] = []
    found = []
    for supplier_id, block in blocks.items():
        read = _KINDS.get(block.get("kind", "") if isinstance(block, dict) else "")
        if read is None:
            problems.append(f"{path.name}: [{supplier_id}] needs a kind, one of: {', '.join(sorted(_KINDS))}")
            continue
        try:
            found.append(SupplierSettings(supplier_id, block["kind"], read(supplier_id, block, env)))
        except ValueError as problem:
            problems.append(f"{path.name}: [{supplier_id}] {problem}")
    if problems:
        raise ConfigurationError(problems)
    return tuple(found)


def open_suppliers(
    settings: tuple[SupplierSettings, ...], clock: Clock, ocpi: House | None = None
) -> dict[str, ListsStations]:
    """The live suppliers by id. OCPI partners are found where their tokens are kept, in the `ocpi` house."""
    found: dict[str, ListsStations] = {}
    for one in settings:
        if isinstance(one.config, CecConfig):
            found[one.id] = CecSupplier(one.config, clock)
        elif isinstance(one.config, OcmConfig):
            found[one.id] = OcmSupplier(one.config, clock)
        elif ocpi is not None:
            found[one.id] = OcpiSupplier(one.config, ocpi)
    return found


class _Problem(ValueError):
    pass


def _sandbox(supplier_id: str, block: Mapping[str, object], env: Mapping[str, str]) -> CecConfig:
    return sandbox_config(_text(block, "base_url"))


def _ocm(supplier_id: str, block: Mapping[str, object], env: Mapping[str, str]) -> OcmConfig:
    countries = block.get("countries", [])
    if not isinstance(countries, list):
        raise _Problem('countries is a list of codes, e.g. ["GB", "IE"]')
    return OcmConfig(
        supplier_id=supplier_id,
        api_key=_secret(block, "api_key", env),
        countries=tuple(str(code) for code in countries),
        base_url=_text(block, "base_url", BASE_URL),
    )


def _cec(supplier_id: str, block: Mapping[str, object], env: Mapping[str, str]) -> CecConfig:
    try:
        datum = Datum(_text(block, "datum", "gcj02"))
    except ValueError:
        raise _Problem(f"datum must be one of: {', '.join(Datum)}") from None
    dialect = DIALECTS.get(_text(block, "dialect", CEC_2016.name))
    if dialect is None:
        raise _Problem(f"dialect must be one of: {', '.join(sorted(DIALECTS))}")
    asks = _yes_or_no(block, "asks_before_start")
    return CecConfig(
        supplier_id=supplier_id,
        name=_text(block, "name"),
        base_url=_text(block, "base_url"),
        path_prefix=_text(block, "path_prefix"),
        our_operator_id=_text(block, "our_operator_id"),
        their_operator_id=_text(block, "their_operator_id"),
        operator_secret=_secret(block, "operator_secret", env),
        data_secret=_secret(block, "data_secret", env),
        data_secret_iv=_secret(block, "data_secret_iv", env),
        sig_secret=_secret(block, "sig_secret", env),
        datum=datum,
        dialect=dialect if asks is None else replace(dialect, asks_before_start=asks),
        start_reasons=_own_reasons(block, "start_reasons"),
        auth_reasons=_own_reasons(block, "auth_reasons"),
        inbound=_inbound(block, env),
        sells=_sells(block),
        licence=_text(block, "licence", ""),
        attribution=_text(block, "attribution", ""),
    )


def _inbound(block: Mapping[str, object], env: Mapping[str, str]) -> Inbound | None:
    """The keys we issued to a partner that pushes; a block without any of them is of one that does not."""
    if not any(name.startswith("inbound_") for name in block):
        return None
    return Inbound(
        operator_secret=_secret(block, "inbound_operator_secret", env),
        data_secret=_secret(block, "inbound_data_secret", env),
        data_secret_iv=_secret(block, "inbound_data_secret_iv", env),
        sig_secret=_secret(block, "inbound_sig_secret", env),
        path_prefix=_text(block, "inbound_path_prefix", "/evcs/v1"),
    )


def _own_reasons(block: Mapping[str, object], name: str) -> dict[int, str]:
    reasons = block.get(name, {})
    if not isinstance(reasons, dict) or not all(key.isdigit() for key in reasons):
        raise _Problem(f'{name} must be a table of FailReason = reason, e.g. {{ 90 = "gun_busy" }}')
    return {int(code): str(reason) for code, reason in reasons.items()}


def _ocpi(supplier_id: str, block: Mapping[str, object], env: Mapping[str, str]) -> OcpiConfig:
    us = Party(_text(block, "our_country"), _text(block, "our_party"), "EMSP", _text(block, "our_name"))
    if len(us.country_code) != 2 or len(us.party_id) != 3:
        raise _Problem("our_country has two letters and our_party three, as registered")
    origins = block.get("origins", [])
    if not isinstance(origins, list) or not all(isinstance(one, str) and origin_of(one) for one in origins):
        raise _Problem('origins must be a list of web addresses, e.g. ["https://cpo.example.com"]')
    try:
        datum = Datum(_text(block, "datum", "wgs84"))
    except ValueError:
        raise _Problem(f"datum must be one of: {', '.join(Datum)}") from None
    return OcpiConfig(
        supplier_id=supplier_id,
        name=_text(block, "name"),
        us=us,
        datum=datum,
        licence=_text(block, "licence", ""),
        attribution=_text(block, "attribution", ""),
        url=_text(block, "url", ""),
        origins=tuple(origins),
        sells=_sells(block),
        pushes_tokens=_yes_or_no(block, "pushes_tokens") or False,
        encodes=_yes_or_no(block, "encodes_tokens"),
    )


def _sells(block: Mapping[str, object]) -> tuple[str, ...]:
    sells = block.get("sells", [])
    if not isinstance(sells, list) or not all(isinstance(one, str) and one for one in sells):
        raise _Problem('sells must be a list of operator ids, e.g. ["123456789"]')
    return tuple(sells)


def _yes_or_no(block: Mapping[str, object], name: str) -> bool | None:
    value = block.get(name)
    if value is not None and not isinstance(value, bool):
        raise _Problem(f"{name} must be true or false")
    return value


_KINDS: dict[str, Callable[[str, Mapping[str, object], Mapping[str, str]], CecConfig | OcpiConfig | OcmConfig]] = {
    "cec": _cec,
    "ocm": _ocm,
    "ocpi": _ocpi,
    "sandbox": _sandbox,
}


def _text(block: Mapping[str, object], name: str, default: str | None = None) -> str:
    value = block.get(name, default)
    if not isinstance(value, str) or (default is None and not value):
        raise _Problem(f"{name} is missing")
    return value


def _secret(block: Mapping[str, object], name: str, env: Mapping[str, str]) -> str:
    variable = _text(block, f"{name}_env")
    if not env.get(variable):
        raise _Problem(f"{name}_env names {variable}, which is not set in the environment")
    return env[variable]
