"""What all OCPI partners share: our storage, our clock, and where they reach us."""

from __future__ import annotations

from dataclasses import dataclass

from adapters.ocpi.client import OpenHttp, open_http
from adapters.ocpi.partners import Connection, Partners
from core.ports import Clock, Database

PREFIX = "/ocpi"


@dataclass(frozen=True, slots=True)
class House:
    database: Database
    partners: Partners
    clock: Clock
    public_url: str  # "" when nobody can reach us
    open_http: OpenHttp = open_http

    def address(self, connection: Connection, *parts: str) -> str:
        """An address of ours, as this partner reaches it."""
        return "/".join([(connection.our_url or self.public_url).rstrip("/") + PREFIX, *parts])
