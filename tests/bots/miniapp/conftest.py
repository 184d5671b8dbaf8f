"""The world of these tests: a small city, the application over it, and a client without a network."""

from __future__ import annotations

from pathlib import Path

import pytest
from flask import Flask
from flask.testing import FlaskClient

import web
from core.station import Station
from tests.bots.miniapp.served import fill
from tests.world import World, make_world


@pytest.fixture
def world(tmp_path: Path) -> World:
    return make_world(tmp_path)


@pytest.fixture
def city(world: World) -> dict[str, Station]:
    return fill(world)


@pytest.fixture
def app(world: World) -> Flask:
    return web.create_app(world.services)


@pytest.fixture
def client(app: Flask) -> FlaskClient:
    return app.test_client()
