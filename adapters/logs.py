"""Logs: one JSON object a line, with ids and without secrets, tokens or positions."""

from __future__ import annotations

import logging
import re
import sys
from collections.abc import Iterable

from pythonjsonlogger.json import JsonFormatter

# What looks like a secret or a place wherever it comes from: library messages, URLs in exceptions.
_SHAPES = (
    (re.compile(r"(/bot|/file/bot)\d+:[\w-]+"), r"\1***"),
    (re.compile(r"\b\d{6,12}:[A-Za-z0-9_-]{30,}\b"), "***"),
    (re.compile(r"(?i)\b(access_token|secret|appsecret|token|key|signature|session_key|code)=[^&\s\"']+"), r"\1=***"),
    (re.compile(r"(?i)(authorization['\"]?\s*[:=]\s*['\"]?\w+\s+)[^\s'\"]+"), r"\1***"),
    (re.compile(r"(?i)\b(lat|lng|lon|latitude|longitude)=-?\d+(\.\d+)?"), r"\1=***"),
    (re.compile(r"://[^/\s:@]+:[^/\s@]+@"), "://***@"),
)


class Redaction(logging.Filter):
    """Blanks known secrets, and everything of the shape of one, in the message and in the traceback."""

    def __init__(self, secrets: Iterable[str]) -> None:
        super().__init__()
        self.secrets = sorted({secret for secret in secrets if len(secret) >= 6}, key=len, reverse=True)

    def filter(self, record: logging.LogRecord) -> bool:
        record.msg, record.args = self.clean(record.getMessage()), ()
        if record.exc_info and not record.exc_text:
            record.exc_text = logging.Formatter().formatException(record.exc_info)
        if record.exc_text:
            record.exc_text = self.clean(record.exc_text)
            record.exc_info = None
        for name, value in list(record.__dict__.items()):
            if isinstance(value, str) and name not in {"msg", "exc_text", "name", "levelname", "pathname"}:
                record.__dict__[name] = self.clean(value)
        return True

    def clean(self, text: str) -> str:
        for secret in self.secrets:
            text = text.replace(secret, "***")
        for shape, blank in _SHAPES:
            text = shape.sub(blank, text)
        return text


def set_up(level: str, secrets: Iterable[str]) -> None:
    """Send everything to stderr as JSON lines. Called once, when a process starts."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        JsonFormatter(
            "%(asctime)s %(levelname)s %(name)s %(message)s",
            rename_fields={"asctime": "at", "levelname": "level", "name": "logger"},
            json_ensure_ascii=False,
        )
    )
    handler.addFilter(Redaction(secrets))
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level)
    # These libraries put whole URLs, and so tokens and positions, into their debug lines.
    for noisy in ("urllib3", "requests", "aiogram.event", "rq.worker", "geopy", "alembic"):
        logging.getLogger(noisy).setLevel(max(logging.getLogger().level, logging.WARNING))
