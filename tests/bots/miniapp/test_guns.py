"""From a gun's code to an offer over HTTP: /guns. What is decided is the core's; here it is asked and told."""

from __future__ import annotations

import io
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from threading import Barrier, Event
from typing import Any

import numpy as np
import pytest
import requests
import zxingcpp
from flask import Flask
from flask.testing import FlaskClient
from PIL import Image

import web
from bots.miniapp import guard, guns, models
from bots.miniapp import gun_models as shapes
from bots.miniapp import money_models as money
from bots.miniapp.uploads import MOST_PHOTO_BYTES
from core.guncode import gun_payload
from core.ports import CaseKind
from core.services.guns import PHOTO_MOST_BYTES
from core.station import Plug
from tests.bots.driving import WARY, Driving
from tests.bots.miniapp.served import served
from tests.bots.miniapp.test_wallet import Person, person
from tests.world import World

HERE = {"lat": 22.5410, "lng": 114.0580}
ACROSS_TOWN = {"lat": 22.5480, "lng": 114.0580}
FAR = {"lat": 22.9000, "lng": 114.0580}
IN_PIECES = {"wsgi.input_terminated": True, "HTTP_TRANSFER_ENCODING": "chunked"}
PAYMENT = "https://qr.alipay.com/fkx123456"


@pytest.fixture
def driving(world: World) -> Driving:
    return Driving(world)


@pytest.fixture
def lin(client: FlaskClient, driving: Driving) -> Person:
    world = driving.world
    world.services.index.refresh()
    who = person(client, "lin")
    who.tops_up(world, 10000)
    return who


@pytest.fixture
def chen(client: FlaskClient, lin: Person) -> Person:
    return person(client, "chen")


def code(driving: Driving, gun: int = 0) -> str:
    return gun_payload(driving.guns[gun])


def picture(*texts: str, kind: str = "PNG") -> bytes:
    """One photo of these codes beside each other."""
    codes = (zxingcpp.create_barcode(text, zxingcpp.BarcodeFormat.QRCode, ec_level="M") for text in texts)
    drawn = [np.array(zxingcpp.write_barcode_to_image(one, scale=6)) for one in codes]
    height = max((len(one) for one in drawn), default=200)
    padded = [np.pad(one, ((0, height - len(one)), (20, 20)), constant_values=255) for one in drawn]
    file = io.BytesIO()
    Image.fromarray(np.hstack(padded) if padded else np.full((200, 200), 255, np.uint8)).save(file, kind)
    return file.getvalue()


def resolved(who: Person, **wish: Any) -> shapes.Scan:
    return shapes.Codes.model_validate(who.asks("POST", "/guns/resolve", json=wish)).codes[0]


# --- which gun is it ----------------------------------------------------------------------------------------------


def test_a_code_beside_the_gun_leads_to_an_offer_and_a_charge(lin: Person, driving: Driving, world: World) -> None:
    scan = resolved(lin, text=code(driving), source="camera", **HERE, accuracy_m=12)
    assert (scan.state, scan.problem) == ("passed", None)
    assert scan.gun is not None
    assert scan.station is not None
    ref = driving.guns[0]
    assert (scan.gun.operator_id, scan.gun.id, scan.gun.plug) == (ref.operator_id, ref.connector_id, Plug.GBT_DC)
    assert (scan.gun.power_kw, scan.gun.status, scan.station.name) == ("60", "free", WARY)
    assert scan.expires_at == "2026-11-23T04:15:00Z"
    offer = shapes.Offer.model_validate(lin.asks("POST", f"/guns/scans/{scan.id}/offer", json={"kwh": "20"}))
    assert (offer.expected.amount_minor, offer.hold.amount_minor, offer.available.amount_minor) == (3000, 3800, 10000)
    assert (offer.missing, offer.missing_text, offer.minutes) == (None, "", 40)
    assert offer.head[0] == WARY
    assert any("¥38.00" in line for line in offer.lines)
    assert [one.id for one in offer.promises] == ["P1", "P2", "P3"]
    begun = money.Session.model_validate(lin.asks("POST", "/sessions", json={"quote_id": offer.id}))
    assert begun.hold == offer.hold
    assert begun.view.goes_on
    assert begun.view.may_stop


def test_a_gun_is_picked_from_its_stations_card(lin: Person, driving: Driving) -> None:
    station = lin.asks("GET", f"/stations/{driving.supplier.listed['P1'].id}")
    gun = station["connectors"][1]
    scan = resolved(lin, gun={"operator_id": gun["operator_id"], "id": gun["id"]}, **HERE)
    assert scan.state == "passed"
    assert scan.gun is not None
    assert scan.gun.id == gun["id"]


def test_a_gun_with_very_long_ids_is_found_by_its_number(lin: Person, driving: Driving) -> None:
    """Such ids have no place in a link, so the driver is asked once more whose gun that is."""
    station = driving.supplier.builds("P1" + "X" * 60, driving.world.here, guns=1)
    driving.world.load(driving.supplier)
    ref = station.connectors[0].ref
    assert gun_payload(ref) == ""
    scan = resolved(lin, gun={"operator_id": ref.operator_id, "id": ref.connector_id}, **HERE)
    assert scan.state in ("ask_station", "passed")
    assert scan.gun is not None
    assert scan.gun.id == ref.connector_id


def test_a_position_is_good_for_what_comes_next(lin: Person, driving: Driving) -> None:
    assert resolved(lin, text=code(driving), **HERE).state == "passed"
    assert resolved(lin, text=code(driving, 1)).state == "passed"
    assert resolved(lin, text=code(driving, 1), **ACROSS_TOWN).state == "ask_station"


def test_the_question_about_the_station_is_answered(lin: Person, driving: Driving) -> None:
    scan = resolved(lin, text=code(driving), **ACROSS_TOWN)
    assert scan.problem is not None
    assert (scan.problem.code, scan.problem.message) == (
        "scan_ask_station",
        f"Are you at {WARY}? Say yes only if that name is right.",
    )
    lin.refused("POST", f"/guns/scans/{scan.id}/offer", 409, "scan_open", json={"kwh": "20"})
    after = shapes.Scan.model_validate(lin.asks("POST", f"/guns/scans/{scan.id}/station"))
    assert after.state == "passed"
    assert shapes.Scan.model_validate(lin.asks("GET", f"/guns/scans/{scan.id}")) == after


def test_who_is_asked_for_the_number_does_not_read_it_in_the_answer(lin: Person, driving: Driving) -> None:
    world = driving.world
    driving.supplier.builds("GUN0042", world.here, guns=1)
    world.load(driving.supplier)
    ref = driving.supplier.listed["GUN0042"].connectors[0].ref
    scan = resolved(lin, gun={"operator_id": ref.operator_id, "id": ref.connector_id})
    assert (scan.state, scan.gun) == ("ask_last_four", None)
    assert scan.station is not None
    path = f"/guns/scans/{scan.id}/last-four"
    assert "2 tries" in lin.refused("POST", path, 400, "wrong_last_four", json={"characters": "9999"})
    after = shapes.Scan.model_validate(lin.asks("POST", path, json={"characters": ref.connector_id[-5:]}))
    assert after.state == "passed"
    assert after.gun is not None


def test_a_pile_asks_which_of_its_guns(lin: Person, driving: Driving) -> None:
    world, station = driving.world, driving.supplier.listed["P1"]
    number = "20240101000017"
    guns = tuple(
        replace(gun, ref=replace(gun.ref, operator_id="MA1MY0GF9", connector_id=f"{number}0{n}"), label=f"0{n}")
        for n, gun in enumerate(station.connectors[:2], 1)
    )
    driving.supplier.listed["P1"] = replace(station, connectors=guns, operator_id="MA1MY0GF9")
    world.load(driving.supplier)
    scan = resolved(lin, text=f"https://www.ykccn.com/MPAGE/index.html?pNum={number}", **HERE)
    assert scan.state == "which_gun"
    assert [one.gun.label for one in scan.choices] == ["01", "02"]
    path, number_of = f"/guns/scans/{scan.id}/choice", scan.choices[1].number
    after = shapes.Scan.model_validate(lin.asks("POST", path, json={"number": number_of}))
    assert after.gun is not None
    assert (after.gun.label, after.choices) == ("02", [])
    lin.refused("POST", path, 404, "no_such_gun", json={"number": 99})


def test_a_refused_code_says_why_and_can_be_reported(lin: Person, world: World) -> None:
    scan = resolved(lin, text=PAYMENT, **HERE)
    assert (scan.state, scan.gun, scan.station) == ("refused", None, None)
    assert scan.problem is not None
    assert scan.problem.code == "code_payment"
    assert scan.reasons
    told = shapes.Reported.model_validate(
        lin.asks("POST", f"/guns/scans/{scan.id}/report", json={"words": "over the real one\x00"})
    )
    with world.services.database.read() as unit:
        (case,) = unit.cases.listed(limit=5)
    assert (case.kind, case.id) == (CaseKind.STICKER, told.reference)


def test_a_report_can_bring_a_picture(lin: Person, world: World) -> None:
    scan = resolved(lin, text=PAYMENT)
    photo = picture(PAYMENT)
    form = {"words": "a second sticker", "image": (io.BytesIO(photo), "sticker.png")}
    lin.asks("POST", f"/guns/scans/{scan.id}/report", data=form)
    with world.services.database.read() as unit:
        assert unit.scans.photo(scan.id) == photo
        kept = unit.scans.get(scan.id)
    assert kept is not None
    assert kept.report == "a second sticker"
    large = {"image": (io.BytesIO(b"\xff\xd8\xff" + bytes(PHOTO_MOST_BYTES)), "huge.jpg")}
    lin.refused("POST", f"/guns/scans/{scan.id}/report", 400, "photo_too_big", data=large)


def test_far_away_the_gun_is_refused(lin: Person, driving: Driving) -> None:
    scan = resolved(lin, text=code(driving), **FAR)
    assert scan.problem is not None
    assert (scan.state, scan.problem.code) == ("refused", "scan_too_far")
    lin.refused("POST", f"/guns/scans/{scan.id}/station", 409, "scan_answered")


def test_another_persons_scan_is_unknown(lin: Person, chen: Person, driving: Driving) -> None:
    scan = resolved(lin, text=code(driving), **HERE)
    for scan_id in (scan.id, "AAAAAAAAAAAA"):
        path = f"/guns/scans/{scan_id}"
        chen.refused("GET", path, 404, "no_such_scan")
        chen.refused("POST", f"{path}/station", 404, "no_such_scan")
        chen.refused("POST", f"{path}/choice", 404, "no_such_scan", json={"number": 0})
        chen.refused("POST", f"{path}/last-four", 404, "no_such_scan", json={"characters": "0001"})
        chen.refused("POST", f"{path}/offer", 404, "no_such_scan", json={"kwh": "20"})
        chen.refused("POST", f"{path}/report", 404, "no_such_scan", json={})


WRONG: tuple[dict[str, Any], ...] = (
    {}, {"text": "x", "gun": {"operator_id": "A", "id": "B"}}, {"text": None}, {"text": "x" * 9000}, {"text": 7},
    {"text": "x", "source": "photo"}, {"text": "x", "lat": 1}, {"text": "x", "lat": 1, "lng": 500},
    {"text": "x", "lat": 22.5, "lng": 114, "accuracy_m": -1}, {"text": "x", "datum": "mars", "lat": 1, "lng": 1},
    {"gun": {"operator_id": "", "id": "x"}}, {"gun": "x"}, {"text": "x", "colour": "red"},
)  # fmt: skip


def test_malformed_wishes_are_no_fault_of_ours(lin: Person) -> None:
    for wish in WRONG:
        error = models.Error.model_validate(lin.asks("POST", "/guns/resolve", 400, json=wish)).error
        assert error.message, wish
    lin.asks("POST", "/guns/resolve", 400, data=b'{"text": "\\ud800"', content_type="application/json")
    for body in ({"number": True}, {"number": -1}, {"number": "1"}, {}):
        lin.asks("POST", "/guns/scans/AAAAAAAAAAAA/choice", 400, json=body)


def test_odd_texts_are_answered_and_kept(lin: Person) -> None:
    for text in ("", " ", "\x00", "a\x00b", "\u202eabc", "javascript:alert(1)", "x" * 8000):
        scan = resolved(lin, text=text)
        assert scan.state == "refused"
        assert scan.problem is not None
        assert len(scan.text) <= 200


# --- pictures -----------------------------------------------------------------------------------------------------


@pytest.fixture
def online(world: World) -> Iterator[str]:
    with served(web.create_app(world.services)) as url:
        yield f"{url}/api/v1/guns/resolve"


def test_a_picture_is_read_however_it_comes(lin: Person, driving: Driving, online: str) -> None:
    """Over real HTTP and by the real decoder, in its own process."""
    headers = {"Authorization": f"Bearer {lin.token}"}
    photo = picture(PAYMENT, code(driving))
    answers = [
        requests.post(online, files={"image": ("gun.png", photo)}, data=HERE, headers=headers, timeout=60),
        requests.post(online, data=photo, params=HERE, headers=headers | {"Content-Type": "image/png"}, timeout=60),
        # In pieces, with no length said before.
        requests.post(
            online,
            data=iter((photo[:100], photo[100:])),
            params=HERE,
            headers=headers | {"Content-Type": "application/octet-stream"},
            timeout=60,
        ),
    ]
    for answer in answers:
        found = shapes.Codes.model_validate(answer.json()).codes
        assert [one.state for one in found] == ["passed", "refused"]
        assert found[1].text == PAYMENT


UNREADABLE = (
    (picture(), "code_empty"),
    (b"no picture at all", "not_a_photo"),
    (b"\x00\x00\x00\x18ftypheic" + bytes(40), "heic_photo"),
    (b"\x89PNG\r\n\x1a\n" + bytes(40), "photo_unreadable"),
    (b"", "not_a_photo"),
)


def test_what_cannot_be_read_has_a_sentence(lin: Person) -> None:
    for body, code in UNREADABLE:
        lin.refused("POST", "/guns/resolve", 400, code, data=body, content_type="image/jpeg")
        lin.refused("POST", "/guns/resolve", 400, code, data={"image": (io.BytesIO(body), "gun.jpg")})


def test_a_form_without_a_picture_has_a_sentence(lin: Person) -> None:
    lin.refused("POST", "/guns/resolve", 400, "not_a_photo", data={"lat": "1"}, content_type="multipart/form-data")
    lin.refused("POST", "/guns/resolve", 400, "not_a_photo", data=b"text=x", content_type="text/plain")


def test_pictures_may_be_larger_than_anything_else_and_have_an_end(lin: Person) -> None:
    too_large, large = bytes(MOST_PHOTO_BYTES + 1), bytes(MOST_PHOTO_BYTES)
    for how in (
        {"data": too_large, "content_type": "image/jpeg"},
        {"data": {"image": (io.BytesIO(too_large), "gun.jpg")}},
        # In pieces, with no length said before.
        {"input_stream": io.BytesIO(too_large * 2), "content_type": "image/jpeg", "environ_overrides": IN_PIECES},
    ):
        lin.refused("POST", "/guns/resolve", 413, "body_too_large", **how)
    lin.refused("POST", "/guns/resolve", 400, "not_a_photo", data=large, content_type="image/jpeg")
    lin.refused("POST", "/guns/resolve", 400, "not_a_photo", data={"image": (io.BytesIO(large), "gun.jpg")})
    lin.refused("POST", "/quotes", 413, "body_too_large", data=bytes(guard.MOST_BODY_BYTES + 1))


def test_nobody_has_a_picture_read_without_a_login(client: FlaskClient, world: World) -> None:
    answer = client.post("/api/v1/guns/resolve", data=picture("x"), content_type="image/png")
    assert (answer.status_code, answer.get_json()["error"]["code"]) == (401, "not_logged_in")
    assert not world.limiter.seen


def test_pictures_are_counted_apart(lin: Person, world: World) -> None:
    lin.refused("POST", "/guns/resolve", 400, "not_a_photo", data=b"x", content_type="image/png")
    assert world.limiter.seen["photo", lin.user_id] == 1
    world.limiter.most = world.limiter.seen["api", lin.user_id] + 1
    world.limiter.seen["photo", lin.user_id] = world.limiter.most
    lin.refused("POST", "/guns/resolve", 429, "too_many_requests", data=b"x", content_type="image/png")


def test_a_wall_of_stickers_is_not_read_to_its_end(world: World, lin: Person, driving: Driving) -> None:
    many = [*(f"https://nosuch{n}.example/" for n in range(9)), code(driving)]
    who = replace(lin, client=web.create_app(world.services, read_photo=lambda image: many).test_client())
    photo: dict[str, Any] = {"data": b"x", "content_type": "image/png", "query_string": HERE}
    found = shapes.Codes.model_validate(who.asks("POST", "/guns/resolve", **photo)).codes
    assert [one.state for one in found] == ["passed", "refused", "refused", "refused", "refused"]
    found = shapes.Codes.model_validate(who.asks("POST", "/guns/resolve", **photo)).codes
    assert len(found) == 5
    # Eight were refused by now; with the tenth it ends, and what was let through before is still shown.
    assert len(who.asks("POST", "/guns/resolve", **photo)["codes"]) == 3
    assert "Too many codes" in who.refused("POST", "/guns/resolve", 429, "too_many_scans", **photo)


def test_a_crowd_of_pictures_leaves_threads_for_the_list(world: World, lin: Person, driving: Driving) -> None:
    all_in, go_on = Barrier(guns.PHOTOS_AT_ONCE + 1), Event()

    def reads_slowly(image: bytes) -> list[str]:
        all_in.wait(30)
        go_on.wait(30)
        return [code(driving)]

    app = web.create_app(world.services, read_photo=reads_slowly)
    photo: dict[str, Any] = {"data": b"x", "content_type": "image/png"}
    with ThreadPoolExecutor(guns.PHOTOS_AT_ONCE) as pool:
        waiting = [
            pool.submit(replace(lin, client=app.test_client()).asks, "POST", "/guns/resolve", **photo)
            for _ in range(guns.PHOTOS_AT_ONCE)
        ]
        all_in.wait(30)
        who = replace(lin, client=app.test_client())
        assert "few seconds" in who.refused("POST", "/guns/resolve", 503, "photos_waiting", **photo)
        go_on.set()
        assert all(one.result(60)["codes"] for one in waiting)


# --- one offer, one charge ----------------------------------------------------------------------------------------


def test_one_offer_is_one_charge_whatever_key_it_is_said_by(
    lin: Person, driving: Driving, world: World, app: Flask
) -> None:
    scan = resolved(lin, text=code(driving), **HERE)
    offer = lin.asks("POST", f"/guns/scans/{scan.id}/offer", json={"kwh": "20"})

    def taps(number: int) -> tuple[int, str]:
        headers = {"Authorization": f"Bearer {lin.token}", "Idempotency-Key": f"another-key-{number}"}
        answer = app.test_client().post("/api/v1/sessions", json={"quote_id": offer["id"]}, headers=headers)
        return answer.status_code, answer.get_json()["id"]

    with ThreadPoolExecutor(8) as pool:
        found = set(pool.map(taps, range(20)))
    assert len(found) == 1
    ((status, session_id),) = found
    assert status == 200
    # And in a chat, which names its yes after the quote as well.
    again = world.services.charging.start(lin.user_id, offer["id"], f"quote:{offer['id']}")
    assert again.id == session_id
    assert lin.balance() == {"available": 6200, "held": 3800, "refunding": 0}
    assert len(lin.asks("GET", "/sessions")["sessions"]) == 1


ROUTES: tuple[tuple[str, str, dict[str, Any] | None], ...] = (
    ("POST", "/guns/resolve", {"text": "x"}),
    ("GET", "/guns/scans/S1", None),
    ("POST", "/guns/scans/S1/choice", {"number": 0}),
    ("POST", "/guns/scans/S1/station", {}),
    ("POST", "/guns/scans/S1/last-four", {"characters": "0001"}),
    ("POST", "/guns/scans/S1/offer", {"kwh": "20"}),
    ("POST", "/guns/scans/S1/report", {"words": ""}),
    ("POST", "/sessions/S1/opinion", {"promised": "yes"}),
    ("GET", "/sessions.csv", None),
)


def test_nothing_without_a_login_and_nothing_by_a_cookie_alone(client: FlaskClient, world: World) -> None:
    def answers() -> set[str]:
        found = (client.open(f"/api/v1{path}", method=method, json=body) for method, path, body in ROUTES)
        return {str(one.get_json()["error"]["code"]) for one in found if one.status_code in (401, 403)}

    assert answers() == {"not_logged_in"}
    client.post("/api/v1/auth/local", json={"name": "lin", "cookie": True})
    assert answers() == {"not_from_our_page"}


def test_every_route_is_described_with_what_it_takes(client: FlaskClient) -> None:
    paths = client.get("/api/v1/openapi.json").get_json()["paths"]
    mine = {path: one for path, one in paths.items() if path.startswith("/api/v1/guns/")}
    assert len(mine) == 7
    for one in mine.values():
        for operation in one.values():
            assert operation["security"] == [{"bearer": []}]
            assert {"200", "401", "404", "409", "413"} <= set(operation["responses"])
    for model in (shapes.Scan, shapes.Offer):
        (example,) = model.model_json_schema()["examples"]
        assert model.model_validate(example)
    taken = mine["/api/v1/guns/resolve"]["post"]["requestBody"]["content"]
    assert set(taken) >= {"application/json", "multipart/form-data", "image/jpeg", "image/png", "image/webp"}
    assert set(taken["multipart/form-data"]["schema"]["properties"]) == {"image", "lat", "lng", "datum", "accuracy_m"}
