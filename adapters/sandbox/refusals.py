"""Ways in which the sandbox's server does not do what was asked."""

from __future__ import annotations


class BadParameters(Exception):
    """The question makes no sense: Ret 4004."""


class NoAnswer(Exception):
    """It was done, and the answer is lost on the way."""
