"""“safety”: what we promise about the driver's money."""

from __future__ import annotations

from bots.wechat.account import Visitor
from bots.wording import promises


def told(visitor: Visitor) -> str:
    say = visitor.say
    numbered = (f"{number}. {line}" for number, line in enumerate(promises.lines(say), start=1))
    return "\n".join([promises.title(say), *numbered])
