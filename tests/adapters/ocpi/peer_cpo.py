"""A charge point operator made of the independent library extrawest-ocpi. Runs in a Python of its own (pydantic 1):

    PEER_PORT=9101 .venv-ocpi-peer/bin/python -m uvicorn peer_cpo:app --port 9101

Everything it knows is made up here: 120 locations in and around a town that does not exist.
"""

import os
import uuid
from datetime import UTC, datetime, timedelta

PORT = os.environ["PEER_PORT"]
os.environ |= {
    "OCPI_HOST": f"127.0.0.1:{PORT}",
    "PROTOCOL": "http",
    "COUNTRY_CODE": "LU",
    "PARTY_ID": "MOS",
    "ENVIRONMENT": "development",
}

from py_ocpi.core.authentication.authenticator import Authenticator  # noqa: E402
from py_ocpi.core.crud import Crud  # noqa: E402
from py_ocpi.core.enums import Action, ModuleID, RoleEnum  # noqa: E402
from py_ocpi.main import get_application  # noqa: E402
from py_ocpi.modules.versions.enums import VersionNumber  # noqa: E402

TOKEN_A = "handed-over-by-letter"
LOCATIONS = 120
_DAY = datetime(2026, 3, 1, 8, tzinfo=UTC)
_FORM = "%Y-%m-%dT%H:%M:%SZ"
_PARTY = {"country_code": "LU", "party_id": "MOS"}


def stamp(hours: int) -> str:
    return (_DAY + timedelta(hours=hours)).strftime(_FORM)


def just_now() -> str:
    return datetime.now(UTC).strftime(_FORM)


def location(number: int) -> dict:
    changed = stamp(number)
    plug = {
        "id": "1",
        "standard": "IEC_62196_T2_COMBO",
        "format": "CABLE",
        "power_type": "DC",
        "max_voltage": 500,
        "max_amperage": 300,
        "max_electric_power": 150000,
        "tariff_ids": ["DAY" if number % 2 else "FLATRATE"],
        "last_updated": changed,
    }
    evses = [
        {
            "uid": f"POST-{number}-{letter}",
            "evse_id": f"LU*MOS*E{number:04}*{place}",
            "status": "AVAILABLE" if place == 1 else "CHARGING",
            "connectors": [plug],
            "last_updated": changed,
        }
        for place, letter in enumerate("AB", 1)
    ]
    return _PARTY | {
        "id": f"PLACE-{number}",
        "publish": True,
        "name": f"Moselle Quay {number}",
        "address": f"{number} Quai de la Moselle",
        "city": "Remich",
        "country": "LUX",
        "coordinates": {"latitude": f"{49.5 + number / 2000:.6f}", "longitude": f"{6.3 + number / 4000:.6f}"},
        "evses": evses,
        "time_zone": "Europe/Luxembourg",
        "last_updated": changed,
    }


def tariff(name: str, kind: str, price: float) -> dict:
    part = {"type": kind, "price": price, "vat": 17.0, "step_size": 1}
    return _PARTY | {
        "id": name,
        "currency": "EUR",
        "elements": [{"price_components": [part]}],
        "last_updated": stamp(0),
    }


# What the operator remembers.
known: dict = {
    ModuleID.locations: {f"PLACE-{n}": location(n) for n in range(LOCATIONS)},
    ModuleID.tariffs: {"DAY": tariff("DAY", "ENERGY", 0.40), "FLATRATE": tariff("FLATRATE", "ENERGY", 0.30)},
    ModuleID.sessions: {},
    ModuleID.cdrs: {},
    ModuleID.tokens: {},
}
tokens_c: list = []
partner: dict = {}


def begun(command: dict) -> dict:
    now = just_now()
    token = command["token"]
    return _PARTY | {
        "id": f"S-{uuid.uuid4().hex[:8]}",
        "start_date_time": now,
        "kwh": 0.5,
        "cdr_token": {name: token[name] for name in ("country_code", "party_id", "uid", "type", "contract_id")},
        "auth_method": "COMMAND",
        "authorization_reference": command["authorization_reference"],
        "location_id": command["location_id"],
        "evse_uid": command["evse_uid"],
        "connector_id": command["connector_id"],
        "currency": "EUR",
        "total_cost": {"excl_vat": 0.2, "incl_vat": 0.23},
        "status": "ACTIVE",
        "last_updated": now,
    }


class Door(Authenticator):
    @classmethod
    async def get_valid_token_a(cls):
        return [TOKEN_A]

    @classmethod
    async def get_valid_token_c(cls):
        return tokens_c


class Books(Crud):
    @classmethod
    async def get(cls, module, role, id, *args, **more):
        if module == ModuleID.commands:
            return {"result": "ACCEPTED", "message": []}  # the gun's answer, at once
        if module == ModuleID.credentials_and_registration:
            return partner
        wanted = str(id).lower()
        return next((one for key, one in known.get(module, {}).items() if key.lower() == wanted), None)

    @classmethod
    async def list(cls, module, role, filters, *args, **more):
        since, first, count = filters.get("date_from"), filters["offset"], filters["limit"]
        border = since.strftime(_FORM) if since else ""
        rows = [one for one in known[module].values() if one["last_updated"] >= border]
        return rows[first : first + count], len(rows), first + count >= len(rows)

    @classmethod
    async def create(cls, module, role, data, *args, **more):
        if module != ModuleID.credentials_and_registration:
            known[module][data["uid" if module == ModuleID.tokens else "id"]] = data
            return data
        partner.update(data)
        tokens_c[:] = [f"peer-{uuid.uuid4().hex}"]
        company = _PARTY | {"role": "CPO", "business_details": {"name": "Moselle Strom"}}
        return {"url": f"http://127.0.0.1:{PORT}/ocpi/versions", "token": tokens_c[0], "roles": [company]}

    @classmethod
    async def update(cls, module, role, data, id, *args, **more):
        return await cls.create(module, role, data)

    @classmethod
    async def delete(cls, module, role, id, *args, **more):
        tokens_c.clear()
        partner.clear()

    @classmethod
    async def do(cls, module, role, action, *args, data=None, **more):
        if action == Action.get_client_token:
            return partner["credentials"]["token"]
        command = args[0] if args else data
        if more.get("command") == "START_SESSION":
            session = begun(command)
            known[ModuleID.sessions][session["id"]] = session
        elif more.get("command") == "STOP_SESSION":
            wanted = str(command["session_id"]).lower()
            for session in known[ModuleID.sessions].values():
                if session["id"].lower() == wanted:
                    session |= {"status": "COMPLETED", "kwh": 12.5, "end_date_time": session["start_date_time"]}
        return {"result": "ACCEPTED", "timeout": 30, "message": []}


app = get_application(
    version_numbers=[VersionNumber.v_2_2_1],
    roles=[RoleEnum.cpo],
    modules=[
        ModuleID.credentials_and_registration,
        ModuleID.locations,
        ModuleID.tariffs,
        ModuleID.sessions,
        ModuleID.cdrs,
        ModuleID.tokens,
        ModuleID.commands,
    ],
    crud=Books,
    authenticator=Door,
    http_push=True,
)


@app.get("/state")
async def state():
    """What the test wants to know of this side."""
    return {
        "tokens": sorted(known[ModuleID.tokens]),
        "partner_token": partner.get("credentials", {}).get("token"),
        "our_token": tokens_c[0] if tokens_c else None,
        "sessions": list(known[ModuleID.sessions].values()),
    }


@app.post("/change/{place}/{status}")
async def change(place: str, status: str):
    """A gun of this location changes its state."""
    one = known[ModuleID.locations][place]
    now = just_now()
    one["last_updated"] = one["evses"][0]["last_updated"] = now
    one["evses"][0]["status"] = status
    return {}
