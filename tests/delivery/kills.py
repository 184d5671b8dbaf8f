"""What happens to senders at work: some are killed and start again, and Redis loses everything twice."""

from __future__ import annotations

import random
import time
from collections.abc import Sequence

from core.services.outbox import OutboxService
from tests.delivery.platforms import Heard
from tests.delivery.senders import Sender, open_at_work, states
from tests.redis_server import RedisServer

WIPES = 2


def until_all_is_said(
    outbox: OutboxService,
    senders: Sequence[Sender],
    redis: RedisServer,
    heard: Heard,
    *,
    messages: int,
    kills: int,
    within_s: float,
) -> int:
    """Spread over the work, `kills` of them are killed; returns how many were."""
    dice, killed, wipes, deadline = random.Random(7), 0, 0, time.monotonic() + within_s
    while open_at_work(outbox):
        assert time.monotonic() < deadline, states(outbox)
        share = len(heard.copies) / messages
        if killed < kills and share > (killed + 0.5) / (kills + 1):
            victim = dice.choice(list(senders))
            victim.kill()
            victim.start()
            killed += 1
        if wipes < WIPES and share > (wipes + 1) / (WIPES + 1):
            # Nothing of it is on a disk: this is a new, empty one.
            redis.kill()
            redis.start()
            wipes += 1
        time.sleep(0.05)
    assert wipes == WIPES
    return killed
