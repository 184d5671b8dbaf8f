"""Labels for the sandbox's guns, to print or to hold before a camera: what stands on a real gun, code and number.

/labels is the list of stations, /labels/<station> its guns, /labels/<gun>.png a picture to upload. `form` says what
the code holds: `cec` the text of T/CEC 102, `evse` the EVSE id of the OCPI side, `intercharge` that id in a link.
Both languages at once, as on the payment page.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from html import escape
from urllib.parse import quote

import numpy as np
import zxingcpp
from flask import Blueprint, Response, abort, request
from PIL import Image

from adapters.sandbox import keys
from adapters.sandbox.city import IN_USE, PUBLIC, Gun, Place
from adapters.sandbox.life import Bay, GunState, Status
from adapters.sandbox.ocpi_objects import NAME, evse_id
from adapters.sandbox.operator import Operator
from core.guncode import write_hlht
from core.station import ConnectorRef

# What the code of a gun holds, by the name of the form.
FORMS: dict[str, Callable[[Gun], str]] = {
    "cec": lambda gun: write_hlht(ConnectorRef(keys.OPERATOR_ID, gun.id)),
    "evse": lambda gun: evse_id(gun),
    "intercharge": lambda gun: f"https://m.intercharge.eu/?evseid={quote(evse_id(gun), safe='*')}",
}
_FORM_NAMES = {"cec": "T/CEC 102", "evse": "OCPI: EVSE id", "intercharge": "OCPI: intercharge"}
_MOST_LISTED = 100
_PIXELS_A_MODULE = 12
_STATES = {
    Status.FREE: "空闲 · free",
    Status.OCCUPIED: "占用 · occupied",
    Status.CHARGING: "充电中 · charging",
    Status.RESERVED: "已预约 · reserved",
    Status.FAULT: "故障 · out of order",
    Status.OFFLINE: "离线 · offline",
}
_STYLE = """
:root{color-scheme:light}*{box-sizing:border-box}
body{margin:0 auto;max-width:60rem;padding:1rem;font:16px/1.45 system-ui,sans-serif;color:#111;background:#fff}
h1{font-size:1.3rem;margin:.5rem 0}a{color:#0645ad}nav a,li a,.label a{display:inline-block;padding:.6rem .3rem}
input,button{font:inherit;padding:.6rem;min-height:44px}input{width:min(24rem,65vw)}ul{padding:0;list-style:none}
.labels{display:grid;grid-template-columns:repeat(auto-fill,minmax(15rem,1fr));gap:1rem}
.label{border:1px solid #333;border-radius:8px;padding:.8rem;text-align:center;break-inside:avoid}
.label svg{width:100%;max-width:13rem;height:auto;display:block;margin:0 auto;shape-rendering:crispEdges}
.label h2{font-size:1.15rem;margin:0}.label p{margin:.2rem 0;overflow-wrap:anywhere}
.number{font:1rem ui-monospace,monospace}.number b{font-size:1.5rem;margin-left:.4em;letter-spacing:.08em}
.now{color:#444;font-size:.9rem}.now b{color:#0a5c36}
@page{size:A4;margin:12mm}@media print{.screen{display:none}body{padding:0;max-width:none}
.labels{grid-template-columns:repeat(3,1fr);gap:5mm}}
"""


def blueprint(operator: Operator) -> Blueprint:
    routes, city = Blueprint("sandbox_labels", __name__, url_prefix="/labels"), operator.city

    @routes.get("")
    def stations() -> Response:
        asked = request.args.get("q", "").strip()[:100]
        words = asked.casefold().split()
        open_ones = [place for place in city.places if place.status == IN_USE and place.kind == PUBLIC]
        found = [place for place in open_ones if all(word in _said_of(place) for word in words)]
        return _page("打印枪码 · Labels for the guns", "".join(_list(found, asked, _form())))

    @routes.get("/<station_id>")
    def station(station_id: str) -> Response:
        place = city.place_of.get(station_id) or abort(404)
        form = _form()
        labels = (_label(place, gun, form, operator.state(gun.id)) for gun in place.guns)
        body = f'{_ways(place.id, form)}<div class="labels">{"".join(labels)}</div>'
        return _page(place.name, body)

    @routes.get("/<gun_id>.png")
    def picture(gun_id: str) -> Response:
        _, gun = city.gun_of.get(gun_id) or abort(404)
        form = _form()
        file = io.BytesIO()
        Image.fromarray(_modules(FORMS[form](gun), _PIXELS_A_MODULE)).convert("1").save(file, "PNG")
        headers = {"Content-Disposition": f'attachment; filename="gun-{gun.id}-{form}.png"'}
        return Response(file.getvalue(), headers=headers, mimetype="image/png")

    return routes


def _form() -> str:
    form = request.args.get("form", "cec")
    return form if form in FORMS else abort(404)


def _said_of(place: Place) -> str:
    return f"{place.id} {place.name} {place.address}".casefold()


# --- what is shown ----------------------------------------------------------------------------------------------


def _page(title: str, body: str) -> Response:
    head = (
        '<!doctype html><html lang="zh-CN"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{escape(title)}</title><style>{_STYLE}</style></head>"
    )
    text = f"{head}<body><h1>{escape(title)}</h1>{body}</body></html>"
    return Response(text, headers={"Cache-Control": "no-store"}, mimetype="text/html")


def _list(found: list[Place], asked: str, form: str) -> Iterator[str]:
    yield (
        "<p>假电站的枪码，可打印，也可对着屏幕扫。<br>"
        "Codes of the pretend operator: print them, or scan the screen.</p>"
        f'<form><input type="hidden" name="form" value="{form}"><input type="search" name="q" maxlength="100" '
        f'value="{escape(asked)}" aria-label="站名、地址、编号 · name, address, number" '
        'placeholder="站名、地址、编号 · name, address, number"> <button>查找 · Search</button></form>'
    )
    shown = found[:_MOST_LISTED]
    yield f"<p>{len(shown)} / {len(found)}</p><ul>"
    for place in shown:
        guns = len(list(place.guns))
        yield f'<li><a href="/labels/{place.id}?form={form}">{escape(place.name)}</a> {guns} 枪 · guns</li>'
    yield "</ul>"


def _ways(station_id: str, form: str) -> str:
    others = (
        f"<b>{name}</b>" if one == form else f'<a href="/labels/{station_id}?form={one}">{name}</a>'
        for one, name in _FORM_NAMES.items()
    )
    return (
        f'<nav class="screen"><a href="/labels?form={form}">← 全部电站 · all stations</a> {" ".join(others)}'
        "<p>在“扫码充电”里对着屏幕扫，或下载图片后选择它。您若不在这座城市，请不要附上位置，并输入<b>粗体</b>四位。<br>"
        "In “Scan to charge” scan the screen, or download a picture and choose it. If you are not in this city, "
        "leave your position out and type the four <b>bold</b> characters.</p></nav>"
    )


def _label(place: Place, gun: Gun, form: str, state: GunState) -> str:
    text, number = FORMS[form](gun), gun.id if form == "cec" else evse_id(gun)
    plug = "GB/T DC · 直流" if gun.is_dc else "GB/T AC · 交流"
    return (
        f'<section class="label"><h2>{escape(gun.label)}</h2><p>{plug} · {gun.power_kw} kW</p>{_svg(text)}'
        f'<p class="number">{escape(number[:-4])}<b>{escape(number[-4:])}</b></p>'
        f"<p>沙盒充电 · {escape(NAME)}<br>{escape(place.name)}</p>"
        f'<p class="screen now">{_now(state)} '
        f'<a href="/labels/{gun.id}.png?form={form}" download>下载图片 · Download PNG</a></p></section>'
    )


def _now(state: GunState) -> str:
    """A gun that is free while another car stands in its bay cannot be plugged in: a start there fails."""
    if state.status is Status.FREE:
        return "空闲，车位被占 · free, bay blocked" if state.bay is Bay.TAKEN else f"<b>{_STATES[state.status]}</b>"
    return _STATES[state.status]


# --- the code ---------------------------------------------------------------------------------------------------


def _modules(text: str, scale: int = 1) -> np.ndarray:
    """The code as grey values, 0 and 255, with the quiet zone that readers need."""
    code = zxingcpp.create_barcode(text, zxingcpp.BarcodeFormat.QRCode, ec_level="M")
    return np.array(zxingcpp.write_barcode_to_image(code, scale=scale, add_quiet_zones=True))


def _svg(text: str) -> str:
    """One path of all dark modules, a run of them at a time. It grows with the page; the library's own does not."""
    dark = _modules(text) < 128
    size = len(dark)
    path = "".join(f"M{start} {y}h{end - start}v1H{start}z" for y in range(size) for start, end in _runs(dark[y]))
    return (
        f'<svg viewBox="0 0 {size} {size}" role="img" aria-label="QR"><path fill="#fff" d="M0 0h{size}v{size}H0z"/>'
        f'<path d="{path}"/></svg>'
    )


def _runs(row: np.ndarray) -> Iterator[tuple[int, int]]:
    """Where each run of dark modules begins and ends."""
    edges = np.flatnonzero(np.diff(np.concatenate(([False], row, [False])).astype(np.int8)))
    return zip(edges[::2].tolist(), edges[1::2].tolist(), strict=True)
