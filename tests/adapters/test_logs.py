"""Logs carry ids; planted canaries of every kind must not come out."""

from __future__ import annotations

import io
import json
import logging

import pytest
import requests

from adapters import logs

TOKEN = "123456789:" + "CANARY-canary-CANARY-canary-CANARY12"
SECRET = "canary-of-the-partner"


@pytest.fixture
def lines() -> io.StringIO:
    """The root logger as a process sets it up, writing where the test can read."""
    root = logging.getLogger()
    before, level = root.handlers[:], root.level
    logs.set_up("DEBUG", [SECRET])
    out = io.StringIO()
    root.handlers[0].stream = out  # type: ignore[attr-defined]  # a StreamHandler, made above
    yield out
    root.handlers[:] = before
    root.setLevel(level)


def test_nothing_secret_comes_out(lines: io.StringIO) -> None:
    log = logging.getLogger("anything")
    log.info("calling https://api.telegram.org/bot%s/getMe", TOKEN)
    log.info("signed with %s", SECRET)
    log.info("GET /cgi-bin/menu?access_token=canary_token_1&x=1")
    log.info("Authorization: Bearer canary_token_2")
    log.info("search at lat=22.541234 lng=114.058765")
    log.info("postgresql://kilowatch:canary_pw@db/kilowatch")
    log.info("in an extra", extra={"url": f"https://x/bot{TOKEN}/y", "supplier": SECRET})
    try:
        requests.get(f"http://127.0.0.1:9/bot{TOKEN}/getMe?secret={SECRET}", timeout=1)
    except requests.RequestException:
        log.exception("the call failed")
    text = lines.getvalue()
    for canary in ("canary", "CANARY", "22.541234", "114.058765"):
        assert canary not in text
    assert text.count("***") >= 8


def test_every_line_is_an_object_with_what_one_needs_at_night(lines: io.StringIO) -> None:
    logging.getLogger("jobs.catalogue").warning("no states", extra={"supplier": "sandbox"})
    line = json.loads(lines.getvalue())
    assert line["message"] == "no states"
    assert (line["level"], line["logger"], line["supplier"]) == ("WARNING", "jobs.catalogue", "sandbox")
    assert line["at"]


def test_a_traceback_survives_redaction(lines: io.StringIO) -> None:
    try:
        raise RuntimeError(f"with {SECRET} inside")
    except RuntimeError:
        logging.getLogger("x").exception("it broke")
    line = json.loads(lines.getvalue())
    assert "RuntimeError: with *** inside" in line["exc_info"]
    assert "test_logs.py" in line["exc_info"]
