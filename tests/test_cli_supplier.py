"""`kilowatch supplier …`, as the person who runs it types it."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

import cli


@pytest.fixture(autouse=True)
def _logging_as_before() -> Iterator[None]:
    """Commands set up logging for their process, which here is that of all tests."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:], root.level = handlers, level


@pytest.fixture
def home(tmp_path: Path) -> Path:
    locations = [
        {
            "id": f"L{n}",
            "name": f"Depot {n}",
            "address": "1 Rue",
            "city": "Paris",
            "country": "FRA",
            "coordinates": {"latitude": "48.8566", "longitude": f"2.35{n}"},
            "evses": [
                {
                    "uid": f"E{n}",
                    "status": "AVAILABLE",
                    "connectors": [{"id": "1", "standard": "IEC_62196_T2", "power_type": "AC_3_PHASE"}],
                }
            ],
        }
        for n in range(3)
    ]
    (tmp_path / "locations.json").write_text(json.dumps({"data": locations}), encoding="utf-8")
    return tmp_path


def kilowatch(home: Path, *args: str) -> Result:
    env = {"KILOWATCH_HOME": str(home / "home"), "PORT": "18650", "USER": "lin"}
    return CliRunner().invoke(cli.commands, list(args), env=env)


def said(home: Path, *args: str) -> str:
    done = kilowatch(home, *args)
    assert done.exit_code == 0, done.output
    return done.output


def test_nobody_yet(home: Path) -> None:
    assert said(home, "supplier", "list") == "No supplier has been heard of yet.\n"
    assert json.loads(said(home, "supplier", "list", "--json")) == []


def test_list_freeze_thaw(home: Path) -> None:
    said(home, "import", "ocpi-json", str(home / "locations.json"), "--supplier", "depots")
    listed = said(home, "supplier", "list")
    assert "depots" in listed
    assert "ok  3 stations, 3 guns" in listed
    assert "catalogue" in listed
    assert said(home, "supplier", "freeze", "depots", "--why", "moved to the sea") == "depots is frozen.\n"
    assert "frozen already" in said(home, "supplier", "freeze", "depots", "--why", "again")
    (row,) = json.loads(said(home, "supplier", "list", "--json"))
    assert (row["id"], row["state"], row["frozen_why"], row["frozen_by"]) == (
        "depots",
        "frozen",
        "moved to the sea",
        "lin",
    )
    assert "frozen by lin at" in said(home, "supplier", "list")
    assert "next list is believed" in said(home, "supplier", "thaw", "depots")
    assert "not frozen" in said(home, "supplier", "thaw", "depots")
    assert "thawed" in said(home, "supplier", "list")


def test_a_supplier_that_there_is_not(home: Path) -> None:
    done = kilowatch(home, "supplier", "thaw", "nobody")
    assert "no supplier nobody; there are: none" in str(done.exception)
