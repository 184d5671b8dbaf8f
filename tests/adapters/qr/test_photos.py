"""Published photos, one in four: most are read, nothing is read that is not there. `make bench` takes them all."""

from __future__ import annotations

from pathlib import Path

import pytest

from bench.qr import figures, measure
from tests.shared import shared

pytestmark = pytest.mark.process


def test_photos_from_the_street() -> None:
    data: Path = shared("data", "qr")
    results = measure(data, every=4)
    ours = figures(results["ours"])
    assert ours["rate"] >= 90
    assert ours["wrong"] == 0
    assert ours["exceptions"] == 0
    for who, rows in results.items():
        missed = [
            mine.subset for mine, other in zip(results["ours"], rows, strict=True) if other.read and not mine.read
        ]
        assert missed == [], who
