"""Sentences shared by all chats, in English and Simplified Chinese. No markup: the chat that shows them escapes.

English is the message id (gettext); `zh_CN/*.po` hold the translations, one file per part of the product, merged
here. The `.po` files are read as they are, so that nothing has to be compiled before a start.
"""

from __future__ import annotations

import io
from datetime import datetime, timedelta
from decimal import Decimal
from functools import cache
from gettext import GNUTranslations, NullTranslations
from pathlib import Path
from zoneinfo import ZoneInfo

from babel.dates import format_datetime, format_time
from babel.messages import Catalog
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po
from babel.numbers import format_currency, format_decimal

from core.money import Money, minor_units
from core.user import language_for

_FOLDER = Path(__file__).parent
_LOCALES = {"zh-CN": "zh_Hans_CN", "en": "en"}


def N_(message: str) -> str:
    """Mark a sentence for translation where it stands in a table and is spoken later."""
    return message


@cache
def _translations(language: str) -> NullTranslations:
    if language == "en":
        return NullTranslations()
    merged = Catalog(locale="zh_CN")
    for path in sorted((_FOLDER / language.replace("-", "_")).glob("*.po")):
        with path.open("rb") as file:
            for message in read_po(file, locale="zh_CN"):
                if message.id and message.string:
                    merged.add(message.id, message.string)
    compiled = io.BytesIO()
    write_mo(compiled, merged)
    compiled.seek(0)
    return GNUTranslations(compiled)


class Wording:
    """Speaks one language: `say("{n} free", n=3)`."""

    def __init__(self, language: str) -> None:
        self.language = language
        self._texts = _translations(language)
        self._locale = _LOCALES[language]

    def __call__(self, message: str, /, **values: object) -> str:
        text = self._texts.gettext(message)
        return text.format(**values) if values else text

    def plural(self, one: str, many: str, n: int, /, **values: object) -> str:
        return self._texts.ngettext(one, many, n).format(n=n, **values)

    def money(self, amount: Money) -> str:
        return self.price(amount.decimal, amount.currency, minor_units(amount.currency))

    def price(self, amount: Decimal, currency: str, places: int = 2) -> str:
        """A price in major units with exactly `places` decimals: ¥1.25, €0.49."""
        digits = "0" * places
        pattern = f"¤#,##0.{digits}" if places else "¤#,##0"
        text = format_currency(amount, currency, format=pattern, locale=self._locale, currency_digits=False)
        return text.replace("CN¥", "¥")

    def number(self, value: Decimal | float, places: int = 1) -> str:
        """A number with at most `places` decimals."""
        return format_decimal(value, format="#,##0." + "#" * places, locale=self._locale)

    def distance(self, metres: float) -> str:
        if metres < 950:
            return self("{n} m", n=int(round(metres, -1)))
        return self("{n} km", n=self.number(metres / 1000, 1 if metres < 100_000 else 0))

    def clock(self, moment: datetime, time_zone: str) -> str:
        return format_time(moment.astimezone(ZoneInfo(time_zone)), "HH:mm", locale=self._locale)

    def day(self, moment: datetime, time_zone: str) -> str:
        return format_datetime(moment.astimezone(ZoneInfo(time_zone)), "yyyy-MM-dd", locale=self._locale)

    def age(self, age: timedelta) -> str:
        minutes = max(int(age.total_seconds() // 60), 0)
        if minutes < 1:
            return self("just now")
        if minutes < 60:
            return self.plural("{n} min ago", "{n} min ago", minutes)
        if minutes < 48 * 60:
            return self.plural("{n} h ago", "{n} h ago", minutes // 60)
        return self.plural("{n} days ago", "{n} days ago", minutes // 1440)


@cache
def wording(language: str) -> Wording:
    """The wording for one of our languages, or for the nearest one to a platform's code."""
    return Wording(language if language in _LOCALES else language_for(language))
