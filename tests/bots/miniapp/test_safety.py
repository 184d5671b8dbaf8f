"""/safety: the promises on a page, in both languages, and the way there."""

from __future__ import annotations

import html

import pytest
from flask.testing import FlaskClient

from bots.wording import promises, wording


@pytest.mark.parametrize("language", ["en", "zh-CN"])
def test_the_promises_are_on_a_page(client: FlaskClient, language: str) -> None:
    answer = client.get(f"/safety?lang={language}")
    text = html.unescape(answer.get_data(as_text=True))
    say = wording(language)
    assert (answer.status_code, answer.mimetype) == (200, "text/html")
    assert f'<html lang="{language}">' in text
    positions = [text.index(line) for line in promises.lines(say)]
    assert positions == sorted(positions)
    assert "<script" not in text


def test_the_list_page_leads_there(client: FlaskClient) -> None:
    assert 'href="/safety?lang=en"' in client.get("/?lang=en").get_data(as_text=True)
