"""Where the real data and vectors lie on a developer's machine. They are not part of the repository."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

SHARED = Path(__file__).resolve().parent.parent.parent / "shared"


def shared(*parts: str) -> Path:
    """A path in ../shared; skips the test, with the reason, when it is not there."""
    path = SHARED.joinpath(*parts)
    if not path.exists():
        pytest.skip(f"needs {Path(*parts)} of the shared data folder beside the repository")
    return path


def vectors(name: str) -> Any:
    return json.loads(shared("vectors", name).read_text(encoding="utf-8"))
