"""What can go wrong, named by who can help."""

from __future__ import annotations


class KilowatchError(Exception):
    """The root of every error of ours."""


class UserError(KilowatchError):
    """Something the person can put right. Shown to them as a sentence.

    `code` names the sentence in `bots/wording`; `params` fill its gaps. The API shows `code` as it is.
    """

    status = 400

    def __init__(self, code: str, **params: object) -> None:
        super().__init__(code if not params else f"{code} {params}")
        self.code = code
        self.params = params


class NotLoggedIn(UserError):
    """We do not know who is asking, or the proof of it is not good."""

    status = 401


class NotAllowed(UserError):
    """We know who asks, but not that they asked themselves, or from where."""

    status = 403


class NotFound(UserError):
    """What was asked for does not exist, or no longer does."""

    status = 404


class Conflict(UserError):
    """What is asked for cannot go together with what there is already."""

    status = 409


class TooMany(UserError):
    """The person asks faster than we allow. `retry_after_s` says when to try again."""

    status = 429

    def __init__(self, code: str = "too_many_requests", *, retry_after_s: int, **params: object) -> None:
        super().__init__(code, retry_after_s=retry_after_s, **params)
        self.retry_after_s = retry_after_s


class NotReady(UserError):
    """We cannot answer yet: nothing is loaded, or the store is away."""

    status = 503


class SupplierUnavailable(KilowatchError):
    """A supplier did not answer, or not in a way we understand. Tried again later."""

    def __init__(self, supplier: str, asked: str, detail: str = "") -> None:
        super().__init__(f"{supplier} did not answer {asked}" + (f": {detail}" if detail else ""))
        self.supplier, self.asked, self.detail = supplier, asked, detail


class ChatUnreachable(KilowatchError):
    """The chat is gone: the person blocked the bot, left, or was deleted. Final."""

    def __init__(self, channel: str, chat_id: str, reason: str) -> None:
        super().__init__(f"{channel} chat cannot be reached: {reason}")
        self.channel, self.chat_id, self.reason = channel, chat_id, reason


class ConfigurationError(KilowatchError):
    """The settings are not enough to start. `problems` holds one line each, all at once."""

    def __init__(self, problems: list[str]) -> None:
        super().__init__("\n".join(problems))
        self.problems = problems
