"""A driver who leaves, over real processes: their name is in no file, no log and not in Redis afterwards."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from core.user import Channel, Identity
from tests.bots.telegram.process import TelegramProcess, city
from tests.bots.telegram.server import BotApi
from tests.redis_server import RedisServer, redis_server

__all__ = ["redis_server"]  # a fixture

pytestmark = [pytest.mark.process, pytest.mark.timeout(300)]


@pytest.fixture
def telegram() -> Iterator[BotApi]:
    with BotApi() as api:
        yield api


def in_redis(server: RedisServer, name: bytes) -> list[bytes]:
    """Keys that have the name in themselves or in their value."""
    client = server.client
    return [key for key in client.scan_iter() if name in key or name in (client.dump(key) or b"")]


def test_nothing_of_them_is_left(telegram: BotApi, redis_server: RedisServer, tmp_path: Path) -> None:
    world = city(tmp_path)
    lin, wei = telegram.person("Lin"), telegram.person("Wei")
    lin.id, wei.id = 998877665544, 112233445566  # long enough to be nothing else
    process = TelegramProcess(telegram, tmp_path, REDIS_URL=redis_server.url, LOG_LEVEL="DEBUG")
    process.start()
    try:
        for who in (lin, wei):
            who.sends_location(22.5410, 114.0580)
            telegram.wait(lambda who=who: [one for one in who.messages if "stations within" in one.text])
        lin.says("/me")
        shown = telegram.wait(lambda: [one for one in lin.messages if "My profile" in one.text])[0]
        lin.presses(shown, "🗑 Delete account")
        question = telegram.wait(lambda: [one for one in lin.messages if "Delete your account" in one.text])[0]
        assert in_files(tmp_path, str(lin.id)), "it has been there"
        lin.presses(question, "Yes, delete everything")
        telegram.wait(lambda: "nowhere any more" in question.text)
        with world.services.database.read() as unit:
            assert unit.users.by_identity(Identity(Channel.TELEGRAM, str(lin.id))) is None
            assert unit.users.by_identity(Identity(Channel.TELEGRAM, str(wei.id))) is not None
        assert in_redis(redis_server, str(lin.id).encode()) == []
    finally:
        process.stop()
    # The wish to go itself is done with only now; what it was written over is emptied by the hourly clean-up.
    world.services.database.scrub()
    assert in_files(tmp_path, str(lin.id)) == []
    assert in_files(tmp_path, str(wei.id)), "the others are still known"
    assert str(lin.id) not in process.log


def in_files(folder: Path, name: str) -> list[str]:
    """The files of the database that hold this name, as they lie on the disk."""
    return [one.name for one in folder.glob("kilowatch.sqlite3*") if name.encode() in one.read_bytes()]
