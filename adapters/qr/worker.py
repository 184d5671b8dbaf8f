"""`python -m adapters.qr.worker FD`: reads photos from a socket and answers with their codes.

Everything that may go wrong with a stranger's file is bounded here: memory, CPU time, files, processes. What is not
caught ends this process, and the pool starts another one.
"""

from __future__ import annotations

import json
import resource
import signal
import socket
import sys
import time

from adapters.qr import decoders
from adapters.qr.cascade import Reading, read_picture
from adapters.qr.formats import MAX_BYTES
from adapters.qr.picture import Damaged, TooManyPixels, pictures
from adapters.qr.wire import TAKEN, Broken, receive, send

# Virtual memory of the whole process. A photo of 60 Mpx with transparency takes half of it.
MEMORY_BYTES = 1_200_000_000
# Between two stages we stop by ourselves.
CPU_S = 1.0
# A single step that takes this long is ended by the kernel, with the process: the finder-pattern tile of
# an attacker costs a decoder more than a second, an endless progressive JPEG any time.
HARD_CPU_S = 4.0
# Unused for so long, it gives its memory back; the pool starts a new one when it is needed.
IDLE_S = 900.0
# A picture with more codes is no photo of a gun.
MAX_CODES = 100


def main(descriptor: int) -> None:
    with socket.socket(fileno=descriptor) as pool:
        _confine()
        # Ctrl-C in a terminal reaches the whole group; the caller ends us when it has finished.
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        names = decoders.available()
        _say(pool, {"decoders": names})
        while True:
            try:
                request = receive(pool, MAX_BYTES + 8, time.monotonic() + IDLE_S)
            except Broken:
                return
            send(pool, TAKEN, time.monotonic() + IDLE_S)
            kind, _, image = request.partition(b"\n")
            signal.setitimer(signal.ITIMER_PROF, HARD_CPU_S)
            reply = _answer(image, kind.decode())
            signal.setitimer(signal.ITIMER_PROF, 0)
            _say(pool, reply)


def _confine() -> None:
    """No more memory than this, no file written, no other process, no core dump with somebody's photo in it."""
    limits = {
        resource.RLIMIT_AS: MEMORY_BYTES,
        resource.RLIMIT_FSIZE: 0,
        resource.RLIMIT_CORE: 0,
    }
    for which, most in limits.items():
        resource.setrlimit(which, (most, most))


def _answer(image: bytes, kind: str) -> dict[str, object]:
    start = time.process_time()
    try:
        reading = _read(image, kind, start + CPU_S)
    except TooManyPixels:
        return {"problem": "too_big"}
    except Damaged:
        return {"problem": "unreadable"}
    except MemoryError:
        return {"problem": "out_of_memory"}
    cpu_ms = round((time.process_time() - start) * 1000, 1)
    return {"codes": reading.codes[:MAX_CODES], "stage": reading.stage, "cpu_ms": cpu_ms}


def _read(image: bytes, kind: str, deadline: float) -> Reading:
    reading = Reading([], "")
    for picture in pictures(image, kind):
        reading = read_picture(picture, lambda: time.process_time() >= deadline)
        if reading.codes or time.process_time() >= deadline:
            break
    return reading


def _say(pool: socket.socket, what: dict[str, object]) -> None:
    send(pool, json.dumps(what).encode(), time.monotonic() + IDLE_S)


if __name__ == "__main__":
    main(int(sys.argv[1]))
