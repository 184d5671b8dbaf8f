"""`python -m jobs.worker [QUEUE]`: one RQ worker process for one queue, jobs as JSON, no pickle.

One queue, because a worker that listens on two can lose jobs when it is killed (measured on rq 3.0). SimpleWorker,
because our jobs are short, bounded by their timeouts, and a fork would inherit open database connections.
"""

from __future__ import annotations

import logging
import sys
import time

from redis import Redis
from redis.exceptions import RedisError
from rq import Queue, SimpleWorker
from rq.serializers import JSONSerializer

from jobs import context
from jobs.names import QUEUE, QUEUES

REDIS_WITHIN_S = 20.0

log = logging.getLogger(__name__)


def work(redis: Redis, queue_name: str = QUEUE) -> None:
    """Work until SIGTERM or SIGINT; the job at hand is finished first."""
    _wait_for(redis)
    queue = Queue(queue_name, connection=redis, serializer=JSONSerializer)
    worker = SimpleWorker(
        [queue], connection=redis, serializer=JSONSerializer, maintenance_interval=60, log_job_description=False
    )
    log.info("worker started", extra={"queue": queue_name})
    worker.work(with_scheduler=False, logging_level="WARNING")


def _wait_for(redis: Redis) -> None:
    """On one machine Redis starts at the same moment as we do."""
    deadline = time.monotonic() + REDIS_WITHIN_S
    while True:
        try:
            redis.ping()
        except (RedisError, OSError):
            if time.monotonic() > deadline:
                raise
            time.sleep(0.1)
        else:
            return


def main() -> None:
    import bootstrap

    settings = bootstrap.start_process()
    queue_name = sys.argv[1] if len(sys.argv) > 1 else QUEUE
    if queue_name not in {QUEUE, *QUEUES.values()}:
        sys.exit(f"nothing is rung for on {queue_name!r}; see jobs/names.py")
    context.use(bootstrap.build_services(settings, stations=queue_name == QUEUE))
    work(bootstrap.blocking_redis(settings), queue_name)


if __name__ == "__main__":
    main()
