"""`scan`: what a gun's code says and which gun of the catalogue it names, for people at a terminal and scripts."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click

from cli.base import NEGATIVE_NUMBERS, commands, with_settings, words
from core.errors import UserError
from core.geo import Datum, Point
from core.guncode import GunCode
from core.services.scanning import Decision, Resolved
from core.shield import DriverPosition, FoundGun


@commands.command(context_settings=NEGATIVE_NUMBERS)
@click.argument("what", metavar="IMAGE|TEXT")
@click.option("--at", "place", nargs=2, type=float, metavar="LAT LNG", help="Where the driver stands.")
@click.option("--datum", type=click.Choice([datum.value for datum in Datum]), default="wgs84", help="Of --at.")
@click.option("--lang", help="zh-CN or en.")
@click.option("--json", "as_json", is_flag=True, help="One document: `codes`, each with its guns and the ruling.")
@with_settings
def scan(
    bootstrap: Any,
    settings: Any,
    what: str,
    place: tuple[float, float] | None,
    datum: str,
    lang: str | None,
    as_json: bool,
) -> None:
    """The gun that a QR code names: a picture of it, its text, or the number printed on the gun."""
    services, say = bootstrap.build_services(settings), words(lang)
    scanning = services.guns.scanning
    position = None
    if place:
        position = DriverPosition(Point(*place, datum=Datum(datum)).wgs84, services.clock.now())
    answers = []
    for text in _texts(what):
        resolved = scanning.resolve(text, position.point if position else None)
        answers.append((resolved, scanning.decide(resolved, position)))
    if as_json:
        document = {"codes": [_document(say, *answer) for answer in answers]}
        click.echo(json.dumps(document, ensure_ascii=False, indent=2))
        return
    if not answers:
        raise UserError("code_empty")
    for answer in answers:
        _print(say, *answer)


def _texts(what: str) -> list[str]:
    """The texts in a picture, where the argument is the path of one; else the argument."""
    try:
        is_file = Path(what).is_file()
    except (OSError, ValueError):  # longer than a path can be, or with a character that no path has
        is_file = False
    if not is_file:
        return [what]
    from adapters.qr import read_codes

    return read_codes(Path(what).read_bytes())


def _document(say: Any, resolved: Resolved, decision: Decision) -> dict[str, Any]:
    from bots.wording import phrases

    problem = decision.problem
    return {
        **_code(resolved.code),
        "guns": [_gun(one) for one in resolved.guns],
        "choices": [_gun(one) for one in resolved.choices],
        "verdict": decision.ruling.verdict.value,
        "reasons": list(decision.ruling.reasons),
        "distance_m": None if decision.ruling.distance_m is None else round(decision.ruling.distance_m),
        "problem": {"code": problem.code, "message": phrases.error(say, problem)} if problem else None,
    }


def _code(code: GunCode) -> dict[str, Any]:
    """The code for a script: a candidate is an EVSE id, or an operator's number with the operator."""
    return {
        "text": code.text,
        "names": code.names.value,
        "rule": code.rule,
        "operator_id": code.operator_id,
        "connector_id": code.connector_id,
        "pile_id": code.pile_id,
        "evse_id": code.evse_id,
        "short_code": code.short_code,
        "candidates": [
            {"evse_id": one}
            if isinstance(one, str)
            else {"operator_id": one.operator_id, "connector_id": one.connector_id}
            for one in code.candidates
        ],
        "rest": code.rest,
        "host": code.host,
        "oddities": [one.value for one in code.oddities],
        "official": code.official,
        "guess": code.guess,
        "looks_like": code.looks_like.value if code.looks_like else None,
    }


def _gun(found: FoundGun) -> dict[str, Any]:
    station, gun = found.station, found.connector
    return {
        "operator_id": gun.ref.operator_id,
        "connector_id": gun.ref.connector_id,
        "label": gun.label,
        "pile": gun.pile,
        "plug": gun.plug.value,
        "power_kw": str(gun.power_kw) if gun.power_kw is not None else None,
        "status": gun.status.value,
        "station": {
            "id": station.id,
            "name": station.name,
            "operator": station.operator_name,
            "address": station.address,
            "supplier": station.supplier_id,
            "lat": station.point.lat,
            "lng": station.point.lng,
        },
    }


def _print(say: Any, resolved: Resolved, decision: Decision) -> None:
    """The gun or the guns to choose from, then what stands against a start."""
    from bots.wording import phrases

    for found in resolved.guns or resolved.choices:
        station, gun = found.station, found.connector
        click.echo(" · ".join(filter(None, [station.name, station.operator_name, station.address])))
        power = say("{n} kW", n=say.number(gun.power_kw)) if gun.power_kw else ""
        facts = [gun.label, gun.ref.connector_id, phrases.plug(say, gun), power, say(phrases.STATUSES[gun.status])]
        click.echo("   " + " · ".join(filter(None, facts)))
    if decision.problem:
        click.echo(("   → " if resolved.guns or resolved.choices else "") + phrases.error(say, decision.problem))
