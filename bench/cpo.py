"""A CPO for the benchmark: N locations in pages over HTTP, made on the fly. `python -m bench.cpo PORT N`."""

from __future__ import annotations

import json
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

PAGE = 1_000
TARIFF = {
    "country_code": "DE",
    "party_id": "BEN",
    "id": "T1",
    "currency": "EUR",
    "elements": [{"price_components": [{"type": "ENERGY", "price": 0.49, "vat": 19, "step_size": 1}]}],
    "last_updated": "2026-01-01T00:00:00Z",
}


def location(number: int) -> dict[str, Any]:
    return {
        "country_code": "DE",
        "party_id": "BEN",
        "id": f"L{number}",
        "publish": True,
        "name": f"Station {number}",
        "address": f"Street {number % 997}",
        "city": "Bench",
        "country": "DEU",
        "coordinates": {
            "latitude": f"{49 + number % 3001 / 1000:.6f}",
            "longitude": f"{9 + number // 3001 / 20:.6f}",
        },
        "time_zone": "Europe/Berlin",
        "opening_times": {"twentyfourseven": True},
        "evses": [
            {
                "uid": f"L{number}-{gun}",
                "evse_id": f"DE*BEN*E{number}*{gun}",
                "status": "AVAILABLE",
                "connectors": [
                    {
                        "id": "1",
                        "standard": "IEC_62196_T2_COMBO",
                        "format": "CABLE",
                        "power_type": "DC",
                        "max_voltage": 900,
                        "max_amperage": 300,
                        "max_electric_power": 150000,
                        "tariff_ids": ["T1"],
                        "last_updated": "2026-01-01T00:00:00Z",
                    }
                ],
                "last_updated": "2026-01-01T00:00:00Z",
            }
            for gun in (1, 2)
        ],
        "last_updated": "2026-01-01T00:00:00Z",
    }


def page(objects: list[dict[str, Any]]) -> bytes:
    answer = {"data": objects, "status_code": 1000, "status_message": "", "timestamp": "2026-01-01T00:00:00Z"}
    return json.dumps(answer).encode()


def main() -> None:
    port, total = int(sys.argv[1]), int(sys.argv[2])

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            where = urlsplit(self.path)
            offset = int(parse_qs(where.query).get("offset", ["0"])[0])
            if where.path == "/locations":
                numbers = range(offset, min(offset + PAGE, total))
                body, count = page([location(number) for number in numbers]), total
            else:
                body, count = page([TARIFF] if offset == 0 else []), 1
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.send_header("X-Total-Count", str(count))
            self.send_header("X-Limit", str(PAGE))
            if offset + PAGE < count:
                self.send_header("Link", f'<http://127.0.0.1:{port}{where.path}?offset={offset + PAGE}>; rel="next"')
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    ThreadingHTTPServer(("127.0.0.1", port), Handler).serve_forever()


if __name__ == "__main__":
    main()
