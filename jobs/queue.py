"""The doorbell: jobs are rung for on Redis by name, with ids only. The database knows what is to be done."""

from __future__ import annotations

import hashlib
import logging
import re
from collections.abc import Mapping

from redis import Redis
from redis.exceptions import RedisError
from rq import Queue
from rq.serializers import JSONSerializer

from jobs.names import JOBS, QUEUE, QUEUES, TIMEOUTS_S

_LONGEST_ID = 100

log = logging.getLogger(__name__)


class RqQueue:
    """Rings RQ. A bell nobody hears is not an error: the clock rings again at the next slot."""

    def __init__(self, redis: Redis, jobs: Mapping[str, str] = JOBS) -> None:
        self.redis, self.jobs = redis, jobs
        names = {QUEUE, *QUEUES.values()}
        self.queues = {name: Queue(name, connection=redis, serializer=JSONSerializer) for name in names}

    def enqueue(self, job: str, *ids: str) -> bool:
        try:
            self.queues[QUEUES.get(job, QUEUE)].enqueue_call(
                self.jobs[job],
                args=ids,
                timeout=TIMEOUTS_S[job],
                result_ttl=0,
                failure_ttl=24 * 3600,
                job_id=_job_id(job, ids),
                description=job,  # RQ logs and stores the description: no arguments in it
            )
        except (RedisError, OSError) as error:
            log.warning("the queue is away", extra={"job": job, "error": type(error).__name__})
            return False
        return True

    def ping(self) -> None:
        self.redis.ping()


def _job_id(job: str, ids: tuple[str, ...]) -> str | None:
    """A pull of one supplier rung for at one moment is one job, however often. None: RQ makes an id up."""
    if not ids:
        return None
    name = re.sub(r"[^A-Za-z0-9_-]", "_", "-".join((job, *ids)))
    if len(name) <= _LONGEST_ID:
        return name
    return f"{job}-{hashlib.blake2b(name.encode(), digest_size=16).hexdigest()}"


class SilentQueue:
    """No Redis is configured: nobody is rung for."""

    def enqueue(self, job: str, *ids: str) -> bool:
        return False

    def ping(self) -> None:
        raise ConnectionError("no Redis is configured")
