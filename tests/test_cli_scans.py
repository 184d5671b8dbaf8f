"""`kilowatch scans`, and the case of a report, as the people who look at reports see them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

import cli
from core.ports import Case
from core.scan import ScanSource
from core.user import Channel, Identity
from tests.world import World, make_world

EVIL = "https://teld.cn.pay.example/?id=1\x1b[2J\u202e"
PHOTO = b"\xff\xd8 a photo of a sticker"


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    monkeypatch.setenv("DATABASE_URL", f"sqlite:///{tmp_path / 'kilowatch.sqlite3'}")
    monkeypatch.setenv("KILOWATCH_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("COLUMNS", "200")
    world = make_world(tmp_path)
    yield world
    world.services.database.close()  # type: ignore[attr-defined]  # it is the SQL one


@pytest.fixture
def reported(world: World) -> Case:
    lin = world.services.accounts.greet(Identity(Channel.TELEGRAM, "1"), "en").user.id
    scan = world.services.guns.identify(lin, EVIL, ScanSource.PHOTO, photo_ref="telegram:abc").scan
    case = world.services.guns.report(lin, scan.id, "pasted over\x1b[31m", PHOTO)
    world.clock.advance(minutes=1)
    world.services.guns.identify(lin, "hlht://1.395815801/", ScanSource.TYPED)
    return case


def kilowatch(*words: str) -> Result:
    return CliRunner().invoke(cli.commands, list(words))


def test_the_list(world: World) -> None:
    assert kilowatch("scans").output == "Nothing was scanned.\n"
    assert kilowatch("scans", "--reported").output == "No driver has reported a code.\n"


def test_a_report_from_the_list_to_its_photo(reported: Case, tmp_path: Path) -> None:
    newest, first = json.loads(kilowatch("scans", "--json").stdout)
    assert (newest["text"], newest["case"]) == ("hlht://1.395815801/", "")
    [listed] = json.loads(kilowatch("scans", "--reported", "--json").stdout)
    assert listed == first
    assert (listed["id"], listed["case"], listed["state"]) == (reported.subject, reported.id, "refused")
    assert listed["reasons"][0] == "hidden_characters"
    line = kilowatch("scans", "--reported").output
    assert line.count("\n") == 1
    assert reported.id in line
    assert "pasted over" in line

    file = tmp_path / "photo"
    shown = kilowatch("scans", "show", listed["id"], "--photo", str(file)).output
    assert "photo_ref: telegram:abc" in shown
    assert f"cases: {reported.id} (open)" in shown
    assert file.read_bytes() == PHOTO
    assert kilowatch("scans", "show", listed["id"], "--photo", str(file)).exit_code == 1  # nothing is overwritten
    assert "there is no photo" in kilowatch("scans", "show", newest["id"], "--photo", str(tmp_path / "no")).output
    assert json.loads(kilowatch("scans", "show", listed["id"], "--json").stdout)["photo_bytes"] == len(PHOTO)
    for unknown in ("nothing", "-nothing", "--nothing", "-hing"):
        assert "no_such_scan" in repr(kilowatch("scans", "show", unknown).exception)


def test_the_case_names_the_scan(reported: Case) -> None:
    assert f"scan: {reported.subject}" in kilowatch("cases", "show", reported.id).output
    assert json.loads(kilowatch("cases", "show", reported.id, "--json").stdout)["scan"] == reported.subject


def test_what_a_stranger_wrote_does_not_move_the_cursor(reported: Case) -> None:
    for words, named in (
        (("scans",), "pasted over"),
        (("scans", "show", reported.subject), "pasted over"),
        (("cases",), "teld.cn.pay.example"),
        (("cases", "show", reported.id), "teld.cn.pay.example"),
    ):
        output = kilowatch(*words).output
        assert named in output, words
        assert all(letter.isprintable() or letter == "\n" for letter in output), words
