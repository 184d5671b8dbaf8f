"""Slow: ten minutes of damaged picture files; this process lives, no worker grows, good photos are read all along."""

from __future__ import annotations

import os
import random
import time
from collections import Counter
from pathlib import Path

import pytest
from PIL import Image

from adapters.qr.pool import Pool
from adapters.qr.worker import CPU_S, HARD_CPU_S, MEMORY_BYTES
from core.errors import UserError
from tests.adapters.qr.codes import animation, code, finder_tile, mutated, part, photo_of, saved
from tests.adapters.qr.processes import cpu_s, memory_of

pytestmark = [pytest.mark.soak, pytest.mark.process]

SECONDS = float(os.environ.get("QR_SOAK_S", "600"))
LABEL = "https://example.com/gun/1"


def seeds() -> list[bytes]:
    photo = photo_of(code(LABEL), size=(500, 400), at=(20, 20))
    colours = Image.merge("RGBA", (photo, photo, photo, photo.point(lambda value: 255 - value // 9)))
    files = [saved(photo, kind) for kind in ("PNG", "JPEG", "WEBP", "GIF")]
    files += [saved(photo, "JPEG", progressive=True), saved(photo.convert("CMYK")), saved(colours, "PNG")]
    files += [saved(colours, "WEBP", lossless=True), saved(photo.convert("P"), "PNG", transparency=3)]
    files += [animation([Image.new("L", photo.size), photo]), saved(part(0), "PNG"), saved(finder_tile(400), "PNG")]
    files += [saved(code(bytes(range(128, 256))), "PNG"), saved(code("充电桩 3 号枪"), "WEBP", lossless=True)]
    return files


def test_ten_minutes_of_mutations() -> None:
    dice = random.Random(11)
    files = seeds()
    good = saved(photo_of(code(LABEL)))
    outcomes: Counter[str] = Counter()
    workers: set[int] = set()
    longest_s = most_memory = 0.0
    own_before = memory_of(os.getpid(), "VmRSS")
    pool = Pool(size=1)
    end = time.monotonic() + SECONDS
    try:
        while time.monotonic() < end:
            assert pool.read(good) == [LABEL]
            (pid,) = pool.pids()
            workers.add(pid)
            for _ in range(50):
                before = cpu_s(pid)
                try:
                    outcomes["read" if pool.read(mutated(dice.choice(files), dice)) else "nothing"] += 1
                except UserError as problem:
                    outcomes[problem.code] += 1
                if pool.pids() != [pid]:
                    outcomes["worker replaced"] += 1
                    break
                longest_s = max(longest_s, cpu_s(pid) - before)
                most_memory = max(most_memory, memory_of(pid, "VmHWM"))
    finally:
        pool.close()
    own_growth = memory_of(os.getpid(), "VmRSS") - own_before
    print(f"\n{sum(outcomes.values())} files: {dict(outcomes)}")
    print(f"longest {longest_s:.2f} s of CPU, {most_memory / 1e6:.0f} MB at most, {len(workers)} workers")
    assert outcomes["read"]
    assert outcomes["photo_unreadable"]
    assert set(outcomes) <= {
        "read", "nothing", "photo_unreadable", "photo_too_big", "not_a_photo", "heic_photo", "worker replaced"
    }  # fmt: skip
    assert longest_s < max(CPU_S, HARD_CPU_S) + 0.5
    assert most_memory < MEMORY_BYTES
    assert own_growth < 50_000_000
    assert not any(Path(f"/proc/{pid}").exists() for pid in workers)
