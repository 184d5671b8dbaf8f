"""The doorbell: jobs are rung for on Redis by name, with ids only. The database knows what is to be done."""

from __future__ import annotations

import logging
from collections.abc import Mapping

from redis import Redis
from redis.exceptions import RedisError
from rq import Queue
from rq.serializers import JSONSerializer

from jobs.names import JOBS, QUEUE, TIMEOUTS_S

log = logging.getLogger(__name__)


class RqQueue:
    """Rings RQ. A bell nobody hears is not an error: the clock rings again at the next slot."""

    def __init__(self, redis: Redis, jobs: Mapping[str, str] = JOBS) -> None:
        self.redis, self.jobs = redis, jobs
        self.queue = Queue(QUEUE, connection=redis, serializer=JSONSerializer)

    def enqueue(self, job: str, *ids: str) -> bool:
        try:
            self.queue.enqueue_call(
                self.jobs[job],
                args=ids,
                timeout=TIMEOUTS_S[job],
                result_ttl=0,
                failure_ttl=24 * 3600,
                description=job,  # RQ logs and stores the description: no arguments in it
            )
        except (RedisError, OSError) as error:
            log.warning("the queue is away", extra={"job": job, "error": type(error).__name__})
            return False
        return True

    def ping(self) -> None:
        self.redis.ping()


class SilentQueue:
    """No Redis is configured: nobody is rung for."""

    def enqueue(self, job: str, *ids: str) -> bool:
        return False

    def ping(self) -> None:
        raise ConnectionError("no Redis is configured")
