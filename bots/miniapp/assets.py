"""The page's one script and one style sheet, joined from `static/` when the process starts.

Their names carry a hash of the content, so browsers keep them for ever and never show an old one.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import cache
from pathlib import Path

_FOLDER = Path(__file__).parent / "static"
_KINDS = {"js": "text/javascript; charset=utf-8", "css": "text/css; charset=utf-8"}


@dataclass(frozen=True, slots=True)
class Asset:
    name: str
    content_type: str
    body: bytes


@cache
def assets() -> dict[str, Asset]:
    """The script and the style sheet by kind, "js" and "css"."""
    found = {}
    for kind, content_type in _KINDS.items():
        parts = [path.read_text("utf-8") for path in sorted(_FOLDER.glob(f"*.{kind}"))]
        text = "\n".join(parts)
        # One scope for all script files and none of it global.
        body = (f'(function () {{\n"use strict";\n{text}\n}})();\n' if kind == "js" else text).encode()
        digest = hashlib.blake2b(body, digest_size=6).hexdigest()
        found[kind] = Asset(f"page-{digest}.{kind}", content_type, body)
    return found
