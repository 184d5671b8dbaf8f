"""Every sentence in the code exists in both languages, with the same gaps, and every error code has its sentence."""

from __future__ import annotations

import ast
import re
import string
from collections.abc import Iterator
from pathlib import Path

import pytest
from babel.messages.pofile import read_po

from bots.wording import phrases
from core.errors import NotFound, NotReady, TooMany, UserError

ROOT = Path(__file__).resolve().parents[3]
SPEAKERS = {"say", "N_", "self"}  # say("…"), N_("…"), and Wording speaking of itself


def sentences() -> Iterator[tuple[str, str]]:
    """Every literal sentence spoken in the code: (file, sentence)."""
    for path in sorted((ROOT / "bots").rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call):
                for text in _spoken(node):
                    yield str(path.relative_to(ROOT)), text


def _spoken(call: ast.Call) -> list[str]:
    name = getattr(call.func, "id", "") or getattr(call.func, "attr", "")
    plural = name == "plural"
    if name not in SPEAKERS and not plural:
        return []
    literals = call.args[:2] if plural else call.args[:1]
    return [arg.value for arg in literals if isinstance(arg, ast.Constant) and isinstance(arg.value, str)]


def translations() -> dict[str, tuple[str, ...]]:
    found: dict[str, tuple[str, ...]] = {}
    for path in sorted((ROOT / "bots" / "wording" / "zh_CN").glob("*.po")):
        with path.open("rb") as file:
            for message in read_po(file, locale="zh_CN"):
                ids = message.id if isinstance(message.id, tuple) else (message.id,)
                texts = message.string if isinstance(message.string, tuple) else (message.string,)
                for one in filter(None, ids):
                    assert one not in found or found[one] == texts, f"two translations of {one!r}"
                    found[one] = texts
    return found


def test_a_driver_is_addressed_politely_everywhere() -> None:
    assert [text for texts in translations().values() for text in texts if "你" in text] == []


def test_chinese_has_the_punctuation_of_chinese() -> None:
    """After a Chinese character no half-width comma, colon, question mark or bracket."""
    odd = re.compile(r"[\u4e00-\u9fff][,:;?!(]")
    assert [text for texts in translations().values() for text in texts if odd.search(text)] == []


def gaps(text: str) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(text) if name}


def test_every_sentence_is_translated() -> None:
    known = translations()
    missing = sorted({(file, text) for file, text in sentences() if text and not known.get(text, ("",))[0]})
    assert missing == []


def test_translations_have_the_same_gaps() -> None:
    wrong = [
        (english, text)
        for english, texts in translations().items()
        for text in texts
        if text and not gaps(text) <= gaps(english) | {"n"}
    ]
    assert wrong == []
    dropped = [
        (english, texts[0])
        for english, texts in translations().items()
        if texts[0] and gaps(english) - gaps(texts[0])
    ]
    assert dropped == []


def test_no_translation_is_left_over() -> None:
    """A sentence nobody says any more is deleted, so that the files can be read."""
    written = set()
    for path in (ROOT / "bots").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                written.add(node.value)
    assert sorted(set(translations()) - written) == []


def test_every_error_code_in_the_code_has_a_sentence() -> None:
    codes = set()
    for folder in ("core", "bots", "adapters"):
        for path in (ROOT / folder).rglob("*.py"):
            pattern = r"(?:UserError|NotFound|NotReady|TooMany)\(\s*\"([a-z_]+)\""
            codes |= set(re.findall(pattern, path.read_text(encoding="utf-8")))
    assert codes
    assert sorted(codes - set(phrases._ERRORS)) == []


@pytest.mark.parametrize("language", ["zh-CN", "en"])
def test_errors_become_sentences(language: str) -> None:
    from bots.wording import wording

    say = wording(language)
    problems = [
        UserError("bad_energy", least=1, most=200),
        NotFound("no_such_station"),
        NotReady("not_ready"),
        TooMany(retry_after_s=7),
        UserError("never heard of it"),
    ]
    for problem in problems:
        sentence = phrases.error(say, problem)
        assert "{" not in sentence
        assert len(sentence) > 5
