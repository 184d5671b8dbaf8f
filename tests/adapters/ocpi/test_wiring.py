"""From the suppliers file to the partner: settings, the secret of this machine, and the commands."""

from __future__ import annotations

import stat
from itertools import takewhile
from pathlib import Path

import pytest
from click.testing import CliRunner

import bootstrap
import cli
from adapters.ocpi.config import OcpiConfig
from adapters.ocpi.partners import Connection, Partners
from adapters.ocpi.supplier import OcpiSupplier
from adapters.suppliers import read_suppliers
from core.clock import SystemClock
from core.errors import ConfigurationError
from core.geo import Datum
from tests.adapters.ocpi.partner import TOKEN_A, ScriptedCpo
from tests.adapters.ocpi.processes import free_port, kilowatch

BLOCK = """
[cpo]
kind = "ocpi"
name = "Example CPO"
our_country = "DE"
our_party = "KWT"
our_name = "Kilowatch"
"""


@pytest.fixture
def env(tmp_path: Path) -> dict[str, str]:
    path = tmp_path / "suppliers.toml"
    path.write_text(BLOCK)
    home = str(tmp_path / "home")
    return {
        "KILOWATCH_HOME": home,
        "SUPPLIERS_FILE": str(path),
        "PORT": str(free_port()),
        "LANG": "en",
        "LC_ALL": "en",
    }


def test_a_partner_is_a_block_in_the_file(tmp_path: Path) -> None:
    path = tmp_path / "suppliers.toml"
    path.write_text(BLOCK + 'origins = ["https://b.example/x"]\npushes_tokens = true\nencodes_tokens = false\n')
    (found,) = read_suppliers(path, {})
    assert isinstance(found.config, OcpiConfig)
    assert (found.config.us.key, found.config.datum, found.config.pushes_tokens) == ("DEKWT", Datum.WGS84, True)
    assert (found.config.further_origins, found.config.encodes) == (("https://b.example:443",), False)
    assert found.secrets == ()


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (('"KWT"', '"KILO"'), "our_party three"),
        (('our_name = "Kilowatch"', ""), "our_name is missing"),
        (('"Kilowatch"', '"Kilowatch"\norigins = ["b.example"]'), "origins must be"),
        (('"Kilowatch"', '"Kilowatch"\norigins = "https://b.example"'), "origins must be"),
        (('"Kilowatch"', '"Kilowatch"\npushes_tokens = "yes"'), "true or false"),
        (('"Kilowatch"', '"Kilowatch"\ndatum = "mars"'), "datum must be one of"),
    ],
)
def test_what_is_wrong_with_a_block_is_said(tmp_path: Path, change: tuple[str, str], said: str) -> None:
    path = tmp_path / "suppliers.toml"
    path.write_text(BLOCK.replace(*change))
    with pytest.raises(ConfigurationError, match=said):
        read_suppliers(path, {})


def test_the_example_block_is_right(tmp_path: Path) -> None:
    lines = (bootstrap.ROOT / "suppliers.example.toml").read_text().splitlines()
    block = list(takewhile(lambda line: line.startswith("#"), lines[lines.index("#[example-cpo]") :]))
    path = tmp_path / "suppliers.toml"
    path.write_text("\n".join(line[1:] for line in block))
    (found,) = read_suppliers(path, {})
    assert (found.id, found.kind) == ("example-cpo", "ocpi")


def test_the_secret_of_a_machine_is_made_once_and_for_its_user_alone(env: dict[str, str]) -> None:
    settings = bootstrap.settings_from_env(env)
    first = bootstrap.secret_key(settings)
    assert len(first) >= 32
    assert bootstrap.secret_key(settings) == first
    assert stat.S_IMODE((settings.home / "secret").stat().st_mode) == 0o600
    assert [path.name for path in settings.home.iterdir()] == ["secret"]
    given = "another-secret-of-more-than-thirty-two-letters"
    settings = bootstrap.settings_from_env({**env, "SECRET_KEY": given})
    assert bootstrap.secret_key(settings) == given
    assert given in settings.secrets
    assert given not in repr(settings)
    with pytest.raises(ConfigurationError, match="SECRET_KEY must have"):
        bootstrap.settings_from_env({**env, "SECRET_KEY": "short"})


def test_the_secret_can_be_changed(env: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    old, new = "an-old-secret-of-more-than-thirty-two-letters", "a-new-secret-of-more-than-thirty-two-letters"

    def partners(**more: str) -> Partners:
        settings = bootstrap.settings_from_env({**env, **more})
        house = bootstrap.ocpi_house(settings, bootstrap.open_database(settings), SystemClock())
        assert house is not None
        return house.partners

    before = partners(SECRET_KEY=old)
    [supplier_id] = bootstrap.ocpi_partners(bootstrap.settings_from_env(env))
    before.settle(supplier_id, "their-token", Connection(sealed_token=before.sealer.seal("our-token")))
    for name, value in {**env, "SECRET_KEY": new}.items():
        monkeypatch.setenv(name, value)
    refused = CliRunner().invoke(cli.commands, ["ocpi", "reseal"])
    assert refused.exit_code == 1
    assert "SECRET_KEYS_BEFORE" in refused.output
    monkeypatch.setenv("SECRET_KEYS_BEFORE", old)
    for says in ("encrypted anew", "needs nothing"):
        assert f"{supplier_id}: {says}" in CliRunner().invoke(cli.commands, ["ocpi", "reseal"]).output
    after = partners(SECRET_KEY=new)
    known = after.get(supplier_id)
    assert known is not None
    assert after.token(known.connection) == "our-token"
    settings = bootstrap.settings_from_env({**env, "SECRET_KEY": new, "SECRET_KEYS_BEFORE": old})
    assert old in settings.secrets
    assert old not in repr(settings)


def test_every_process_has_the_partner_and_its_callbacks(env: dict[str, str]) -> None:
    settings = bootstrap.settings_from_env(env)
    services = bootstrap.build_services(settings)
    assert isinstance(services.suppliers["cpo"], OcpiSupplier)
    assert "ocpi" in [one.name for one in bootstrap.supplier_callbacks(settings, services)]


def test_without_a_partner_no_secret_is_made(tmp_path: Path) -> None:
    settings = bootstrap.settings_from_env({"KILOWATCH_HOME": str(tmp_path / "home")})
    database = bootstrap.open_database(settings)
    assert bootstrap.ocpi_house(settings, database, SystemClock()) is None
    assert not (settings.home / "secret").exists()


@pytest.mark.process
def test_the_commands_say_what_is_wrong_and_what_to_do(env: dict[str, str], cpo: ScriptedCpo) -> None:
    register = ("ocpi", "register", "cpo", "--versions-url", cpo.versions_url)
    assert "set PUBLIC_URL, or say --our-url" in kilowatch(env, *register, "--token", "x", ok=False)
    assert "no OCPI supplier other" in kilowatch(env, "ocpi", "rotate", "other", ok=False)
    env["PUBLIC_URL"] = "https://us.example"
    assert "is not registered" in kilowatch(env, "ocpi", "rotate", "cpo", ok=False)
    assert "is no http(s) address" in kilowatch(
        env, "ocpi", "register", "cpo", "--versions-url", "x", "--token", "x", ok=False
    )
    invited = kilowatch(env, *register)
    assert "registers at https://us.example/ocpi/versions with this token" in invited
    assert len(invited.splitlines()[-1]) >= 32
    # Our address stands in the credentials even where the partner never calls it.
    cpo.calls_back = False
    told = kilowatch(env, *register, "--token", TOKEN_A, "--version", "2.2.1", "--our-url", "https://other.example/")
    assert "Registered with Example CPO (BEBEC), OCPI 2.2.1" in told
    assert cpo.partner_credentials["url"] == "https://other.example/ocpi/versions"
    kilowatch(env, "ocpi", "rotate", "cpo")
    assert cpo.partner_credentials["url"] == "https://other.example/ocpi/versions"
    # Real guns and no way to pay but with play money: the doctor objects to that alone.
    told = kilowatch(env, "doctor", ok=False)
    assert "ok   supplier cpo: answers" in told
    assert [line.split(":")[0] for line in told.splitlines() if line.startswith("FAIL")] == ["FAIL payments"]
    kilowatch(env, "ocpi", "unregister", "cpo")
