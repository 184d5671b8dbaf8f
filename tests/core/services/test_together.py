"""What waits together is worked off together, and nobody pays for another."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor

import pytest

from core.errors import NotReady
from core.services.together import MOST_AT_ONCE, Together


class Work:
    """Doubles numbers, refuses a batch with a zero in it, and can be held up."""

    def __init__(self) -> None:
        self.batches: list[list[int]] = []
        self.begun, self.go = threading.Event(), threading.Event()
        self.go.set()
        self.tries, self.is_locked = 0, False

    def __call__(self, asked: Sequence[int]) -> list[int]:
        self.begun.set()
        self.go.wait(20)
        self.tries += 1
        if 0 in asked:
            raise ZeroDivisionError
        if self.is_locked:
            raise NotReady("not_ready")
        self.batches.append(list(asked))
        return [one * 2 for one in asked]


def held_up(
    work: Work, together: Together[int, int], numbers: Sequence[int], pool: ThreadPoolExecutor
) -> list[Future[int]]:
    """Futures of these calls, all of which came while the call with 1 was at work."""
    work.go.clear()
    first = pool.submit(together, 1)
    assert work.begun.wait(20)
    calls = [pool.submit(together, one) for one in numbers]
    while together.waiting() < len(numbers):
        assert not first.done()
    work.go.set()
    return [first, *calls]


def test_alone_it_is_an_ordinary_call() -> None:
    work = Work()
    assert [Together(work)(one) for one in (1, 2, 3)] == [2, 4, 6]
    assert work.batches == [[1], [2], [3]]


def test_what_waits_goes_together_and_each_gets_its_own_answer() -> None:
    work = Work()
    with ThreadPoolExecutor(20) as pool:
        calls = held_up(work, Together(work), range(2, 20), pool)
        assert [call.result(20) for call in calls] == [one * 2 for one in range(1, 20)]
    assert [len(one) for one in work.batches] == [1, 18]


def test_a_mistake_is_paid_by_who_made_it() -> None:
    work = Work()
    with ThreadPoolExecutor(5) as pool:
        calls = held_up(work, Together(work), (2, 0, 3), pool)
        assert [call.result(20) for call in (calls[0], calls[1], calls[3])] == [2, 4, 6]
        with pytest.raises(ZeroDivisionError):
            calls[2].result(20)


def test_a_database_that_is_away_is_waited_for_once() -> None:
    work = Work()
    work.is_locked = True
    with ThreadPoolExecutor(20) as pool:
        calls = held_up(work, Together(work), range(2, 20), pool)
        for call in calls:
            with pytest.raises(NotReady):
                call.result(20)
    assert work.tries == 2


def test_in_a_crowd_a_batch_waits_for_as_many_as_came_before() -> None:
    work = Work()
    together = Together(work, gather_s=20)
    with ThreadPoolExecutor(20) as pool:
        for call in held_up(work, together, range(2, 6), pool):
            call.result(20)
        calls = [pool.submit(together, one) for one in range(10, 14)]  # each alone would be done before the next
        assert [call.result(10) for call in calls] == [20, 22, 24, 26]
    assert [len(one) for one in work.batches] == [1, 4, 4]


def test_when_the_crowd_is_gone_nobody_waits_for_long() -> None:
    work = Work()
    together = Together(work)
    with ThreadPoolExecutor(20) as pool:
        for call in held_up(work, together, range(2, 6), pool):
            call.result(20)
    assert [together(10), together(11)] == [20, 22]
    assert [len(one) for one in work.batches] == [1, 4, 1, 1]


def test_nobody_is_forgotten() -> None:
    work = Work()
    together = Together(work)
    with ThreadPoolExecutor(16) as pool:
        assert list(pool.map(together, range(1, 2001))) == [one * 2 for one in range(1, 2001)]
    assert sorted(one for batch in work.batches for one in batch) == list(range(1, 2001))
    assert max(len(batch) for batch in work.batches) <= MOST_AT_ONCE
