"""Each page's one script and one style sheet, joined from `static/` when the process starts.

Their names carry a hash of the content, so browsers keep them for ever and never show an old one.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import cache
from pathlib import Path

_FOLDER = Path(__file__).parent / "static"
_KINDS = {"js": "text/javascript; charset=utf-8", "css": "text/css; charset=utf-8"}
# What each is joined from, in this order. The style sheets of wallet and charge go on top of the list's.
_BUNDLES = {
    "js": ("*.js",),
    "css": ("*.css",),
    "prices.js": ("prices/*.js",),
    "prices.css": ("prices/*.css",),
    "watching.js": ("watch/*.js",),
    "watching.css": ("watch/*.css",),
    "watches.js": ("10-tools.js", "wallet/50-money.js", "wallet/60-login.js", "watches/*.js"),
    "wallet.js": ("10-tools.js", "30-sheet.js", "35-running.js", "wallet/*.js"),
    "wallet.css": ("wallet/*.css",),
    "charge.js": (
        *("10-tools.js", "30-sheet.js", "35-running.js"),
        *("wallet/50-money.js", "wallet/60-login.js", "wallet/70-topup.js", "charge/*.js"),
    ),
    "charge.css": ("wallet/*.css", "charge/*.css"),
}


@dataclass(frozen=True, slots=True)
class Asset:
    name: str
    content_type: str
    body: bytes


@cache
def assets() -> dict[str, Asset]:
    """The list page's as "js" and "css", those of the wallet as "wallet_js" and "wallet_css", and so on."""
    found = {}
    for bundle, patterns in _BUNDLES.items():
        name, _, kind = f"page.{bundle}".rpartition(".")
        paths = [path for pattern in patterns for path in sorted(_FOLDER.glob(pattern))]
        parts = [_travelling(path.read_text("utf-8")) for path in paths]
        text = "\n".join(parts)
        # One scope for all script files and none of it global.
        body = (f'(function () {{\n"use strict";\n{text}\n}})();\n' if kind == "js" else text).encode()
        digest = hashlib.blake2b(body, digest_size=6).hexdigest()
        found[bundle.replace(".", "_")] = Asset(f"{name.replace('.', '-')}-{digest}.{kind}", _KINDS[kind], body)
    return found


def _travelling(text: str) -> str:
    """Indentation and comments on lines of their own stay at home. No string here has several lines."""
    lines = (line.strip() for line in text.splitlines())
    return "\n".join(line for line in lines if line and not line.startswith("//"))
