"""Gun codes: the known answers, every rule there and back, and what no text may do."""

from __future__ import annotations

import random
import time

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from core.guncode import MOST_CHARS, RULES, LooksLike, Names, Oddity, OwnLinks, gun_payload, parse, write_hlht
from core.station import ConnectorRef
from tests.core.guncode_labels import WRITERS, Drawn, Label, Seeded, real_codes
from tests.shared import vectors

EACH = settings(
    max_examples=200, deadline=None, database=None, derandomize=True, suppress_health_check=list(HealthCheck)
)
# What the templates among the vectors are filled with.
FILLING = {
    "{deviceCode}": "3702010001",
    "{pile number + gun}": "3201060020812301",
    "{pile}": "8801",
    "{code}": "GN0001",
}


def filled(text: str) -> str:
    for gap, filling in FILLING.items():
        text = text.replace(gap, filling)
    return text


# --- known answers ------------------------------------------------------------------------------------------


def test_every_known_answer() -> None:
    checked = 0
    for vector in vectors("cec.json")["qr"]:
        text = filled(vector["raw"])
        code = parse(text)
        expected = {name: filled(value) for name, value in vector["expect"].items() if isinstance(value, str)}
        assert code.rule == expected.pop("vendor"), text
        expected.pop("query_key", "")
        if "extra" in expected:
            expected["rest"] = expected.pop("extra")
        assert {name: getattr(code, name) for name in expected} == expected, text
        assert code.oddities == ()
        assert code.text == text
        checked += 1
    assert checked >= 10


def test_state_grid_names_device_and_gun() -> None:
    head = "https://cdn-evone-oss.echargenet.com/IntentServe/index.html"
    code = parse(f"{head}?M&qrcode=gwwl//:1031:1.0.0:3:3702010001:FFFFFFFFFFFF:002")
    assert (code.pile_id, code.short_code) == ("3702010001", "002")
    assert code.candidates == (ConnectorRef("", "3702010001002"), ConnectorRef("", "370201000102"))
    # Some makers count guns from 0, some from 1: the neighbour's number is never tried.
    assert all("001" not in one.connector_id[-3:] for one in code.candidates if isinstance(one, ConnectorRef))


@pytest.mark.parametrize(
    ("short", "whole"),
    [
        ("10050638", "11000000000000010050638000"),
        ("10050638000", "11000000000000010050638000"),  # 11 digits: the end of the whole number
        ("1012081501", "12000000000000010120815001"),
        ("10120815001", "12000000000000010120815001"),
    ],
)
def test_starcharge_numbers(short: str, whole: str) -> None:
    assert parse(f"https://qrcode.starcharge.com/#/{short}").connector_id == whole
    assert len(whole) == 26


def test_a_dot_belongs_to_the_number() -> None:
    code = parse("hlht://3201.0600.D1.MA27YQ0R4/a.b/c")
    assert (code.connector_id, code.operator_id, code.rest) == ("3201.0600.D1", "MA27YQ0R4", "a.b/c")


def test_numbers_within_a_code_must_agree() -> None:
    head = "https://www.wodeev.com/ast/api/v0.1/guns/qrcode?pileNo=8801&gunNo=1&qrcode="
    assert parse(head + "880101").oddities == ()
    assert parse(head + "990101").oddities == (Oddity.CONTRADICTION,)


# --- there and back -----------------------------------------------------------------------------------------


def test_every_rule_has_a_writer() -> None:
    assert {rule.name for rule in RULES} | {"evse", "json", "own", "number"} == set(WRITERS)
    assert all(rule.source for rule in RULES)


@pytest.mark.parametrize("rule", WRITERS)
def test_what_is_written_is_read_byte_for_byte(rule: str) -> None:
    seen = set()

    def check(label: Label) -> None:
        code = parse(label.text)
        assert code.rule == rule, label.text
        assert {name: getattr(code, name) for name in label.says} == label.says, label.text
        assert code.known
        assert code.oddities == ()
        assert code.candidates or code.names is Names.PILE
        seen.add(label.text)

    @EACH
    @given(st.data())
    def look_for_trouble(data: st.DataObject) -> None:
        check(WRITERS[rule](Drawn(data.draw)))

    look_for_trouble()
    for seed in range(300):  # hypothesis likes to repeat itself
        check(WRITERS[rule](Seeded(seed)))
    assert len(seen) >= 200


@EACH
@given(st.data())
def test_a_one_time_part_is_neither_kept_nor_handed_on(data: st.DataObject) -> None:
    evse_id = "DE*TEC*E" + Drawn(data.draw).text("ABC123", 1, 12)
    once = Drawn(data.draw).text("56789", 8, 12)
    form = data.draw(
        st.sampled_from(
            [
                f"https://qr.land.example/2/{evse_id}/6/1764000000/{once}",
                f"https://m.intercharge.eu/qr?evseid={evse_id}&otp={once}&t=1764000000",
                f"https://laden.enercity.de/{evse_id}?token={once}",
                f"https://land.example/s?q=2;{evse_id};6;1764000000;{once}",
            ]
        )
    )
    code = parse(form)
    assert code.evse_id == evse_id
    assert code.once_only
    assert once not in repr(code)


# --- our own ------------------------------------------------------------------------------------------------

OWN = OwnLinks(frozenset({"kilowatch_bot"}), frozenset({"kilowatch.example"}))
REF = ConnectorRef("MA27YQ0R4", "32010600208123D1")


def test_our_own_links() -> None:
    payload = gun_payload(REF)
    assert len(payload) <= 64
    for text in (f"https://t.me/Kilowatch_bot?start={payload}", f"https://kilowatch.example/?gun={payload}"):
        code = parse(text, OWN)
        assert (code.candidates, code.oddities) == ((REF,), ())
    assert parse(write_hlht(REF), OWN).candidates == (REF,)


def test_links_that_only_look_like_ours() -> None:
    payload = gun_payload(REF)
    other_bot = parse(f"https://t.me/kilowatch_b0t?start={payload}", OWN)
    assert (other_bot.oddities, other_bot.official) == ((Oddity.LOOKALIKE_HOST,), "t.me/kilowatch_bot")
    other_page = parse(f"https://kilowatch.example.top/?gun={payload}", OWN)
    assert (other_page.oddities, other_page.official) == ((Oddity.LOOKALIKE_HOST,), "kilowatch.example")
    assert parse(f"https://unheard-of.example/?gun={payload}", OWN).oddities == (Oddity.UNKNOWN_HOST,)


def test_a_gun_whose_ids_are_too_long_has_no_link() -> None:
    assert gun_payload(ConnectorRef("MA27YQ0R4", "x" * 60)) == ""


def test_a_code_for_linking_chats_is_not_kept() -> None:
    secret = "link_" + "a2b3c" * 5 + "d"
    for text in (f"https://t.me/kilowatch_bot?start={secret}", secret):
        code = parse(text, OWN)
        assert code.looks_like is LooksLike.LINK_CODE
        assert secret not in repr(code)


# --- what is no gun's code ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "looks"),
    [
        ("", LooksLike.EMPTY),
        (" \n\ufeff", LooksLike.EMPTY),
        ("x" * (MOST_CHARS + 1), LooksLike.TOO_LONG),
        ("weixin://wxpay/bizpayurl?pr=abc123", LooksLike.PAYMENT),
        ("wxp://f2f0abc", LooksLike.PAYMENT),
        ("https://qr.alipay.com/fkx123", LooksLike.PAYMENT),
        ("https://www.paypal.com/paypalme/charge/20", LooksLike.PAYMENT),
        ("https://paypal.me/charge", LooksLike.PAYMENT),
        ("https://buy.stripe.com/abc", LooksLike.PAYMENT),
        ("BCD\n002\n1\nSCT\n\nEV Charging\nDE00", LooksLike.PAYMENT),
        ("00020101021126580014br.gov.bcb.pix", LooksLike.PAYMENT),
        ("bitcoin:1A1zP1?amount=1", LooksLike.PAYMENT),
        ("https://bit.ly/3charge", LooksLike.SHORT_LINK),
        ("https://chrg.me/x1", LooksLike.SHORT_LINK),
        ("javascript:alert(1)", LooksLike.SCRIPT),
        ("java\tscript:alert(1)", LooksLike.SCRIPT),
        ("DATA:text/html,<script>", LooksLike.SCRIPT),
        ("intent://x#Intent;end", LooksLike.SCRIPT),
        ("https://qrcode.starcharge.com/help", LooksLike.OPERATOR_PAGE),
        ("https://news.example/ev", LooksLike.WEB_PAGE),
        ("WIFI:S:cafe;T:WPA;P:x;;", LooksLike.WIFI),
        ("BEGIN:VCARD\nN:Wei\nEND:VCARD", LooksLike.CONTACT),
        ("tel:+8675512345", LooksLike.PHONE),
        ("geo:22.5,114.0", LooksLike.MAP_POINT),
        ("NL-TNM-012204-5", LooksLike.CONTRACT_ID),
        ("NL-TNM-C00122045-K", LooksLike.CONTRACT_ID),
        ('{"a": 1}', LooksLike.JSON),
        ("[" * 10, LooksLike.TEXT),
        ("ftp://host/x", LooksLike.OTHER_APP),
        ("Bitte nicht parken", LooksLike.TEXT),
        ("HELLOEVERYONE", LooksLike.TEXT),
        ("充电请先扫码", LooksLike.TEXT),
    ],
)
def test_what_names_no_gun_says_what_it_is(text: str, looks: LooksLike) -> None:
    code = parse(text)
    assert (code.names, code.looks_like, code.candidates) == (Names.NOTHING, looks, ())


def test_letters_within_words_are_no_evse_id() -> None:
    for text in ("https://news.example/depotentE5", "https://chargEDEVICE1.example/x", "MEETINGEVENT", "frozen E1"):
        assert parse(text).evse_id == ""


# --- real forms are not warned of ---------------------------------------------------------------------------


def test_real_labels_are_read_and_not_warned_of() -> None:
    codes = [parse(text) for text in real_codes()]
    assert len(codes) >= 300
    assert [code.text for code in codes if not code.known] == []
    warned = [code.text for code in codes if code.oddities]
    assert len(warned) / len(codes) < 0.02, warned


# --- any text at all ----------------------------------------------------------------------------------------


@settings(max_examples=500, deadline=None, database=None, derandomize=True)
@given(st.text(alphabet=st.characters(), max_size=400))
def test_no_text_raises(text: str) -> None:
    code = parse(text)
    assert code.known is (code.looks_like is None)
    assert len(code.text) <= MOST_CHARS


def mutated(text: str, chance: random.Random) -> str:
    letters = list(text)
    for _ in range(chance.randint(1, 6)):
        at = chance.randint(0, len(letters))
        letters[at : at + chance.randint(0, 2)] = chance.choice(
            ["", "*", "/", "%", "%2A", "@", "#", "?", "&", ".", "\\", "{", "\u202e", "\u0430", "\x00", "\ud800", ":"]
        )
    return "".join(letters)


def test_fuzzing_never_raises_and_is_quick() -> None:
    chance = random.Random(22)
    labels = real_codes(5)
    texts = ["".join(map(chr, chance.choices(range(0x2FFF), k=chance.randint(1, 300)))) for _ in range(2_000)]
    texts += [mutated(chance.choice(labels), chance) for _ in range(6_000)]
    began = time.process_time()
    for text in texts:
        parse(text)
    assert (time.process_time() - began) / len(texts) < 0.001


@pytest.mark.parametrize(
    "unit",
    [
        "DE*",
        "a.",
        "&pNum=",
        "?evseid=",
        "{",
        '{"a":',
        "[",
        "E1*",
        "%2A",
        "/",
        "1 ",
        "-",
        "xn--a.",
        "аb.",
        "\\",
        "0x7f.",
        ":",
    ],
)
def test_no_text_takes_long(unit: str) -> None:
    heads = ("", "hlht://", "https://", "https://m.intercharge.eu/qr?", "http://www.ykccn.com/MPAGE/index.html?", "{")
    for head in heads:
        text = (head + unit * MOST_CHARS)[:MOST_CHARS]
        began = time.process_time()
        parse(text)
        assert time.process_time() - began < 0.1
