"""All tables. The migrations create them; a test holds the two together."""

from __future__ import annotations

from typing import Any

from sqlalchemy import (
    CheckConstraint,
    Column,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    Table,
    Text,
    UniqueConstraint,
    text,
)

from storage.columns import Exact, Flag, Real, RowNumber, UtcTime, Words

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)


def _table(name: str, *parts: Any, **options: Any) -> Table:
    return Table(name, metadata, *parts, sqlite_strict=True, **options)


def _key(name: str = "id") -> Column[str]:
    return Column(name, Words, primary_key=True)


def _words(name: str) -> Column[str]:
    return Column(name, Words, nullable=False)


def _number_key() -> Column[int]:
    return Column("id", RowNumber, primary_key=True, autoincrement=True)


# --- catalogue ------------------------------------------------------------------------------------------------

suppliers = _table(
    "suppliers",
    _key(),
    _words("kind"),
    _words("name"),
    _words("licence"),
    _words("attribution"),
    _words("url"),
    _words("datum"),
)

pulls = _table(
    "pulls",
    Column("supplier_id", Words, ForeignKey("suppliers.id"), primary_key=True),
    _key("asked"),
    Column("last_success_at", UtcTime),
    _words("last_error"),
    Column("last_error_at", UtcTime),
)

stations = _table(
    "stations",
    _key(),
    Column("supplier_id", Words, ForeignKey("suppliers.id"), nullable=False),
    _words("external_id"),
    _words("name"),
    Column("lat", Real, nullable=False),
    Column("lng", Real, nullable=False),
    Column("accuracy_m", Real),
    _words("operator_id"),
    _words("operator_name"),
    Column("global_id", Words),
    _words("address"),
    _words("country"),
    _words("time_zone"),
    _words("hours"),
    Column("parking_free", Flag),
    _words("parking_text"),
    _words("facilities"),
    _words("phone"),
    _words("guide"),
    _words("price_text"),
    Column("public", Flag, nullable=False),
    _words("source_datum"),
    _words("licence"),
    _words("attribution"),
    Column("updated_at", UtcTime),
    # What the supplier's list says, without live status and price: equal means nothing to do.
    Column("content_hash", Text, nullable=False),
    Column("changed_at", UtcTime, nullable=False, index=True),
    # Grows with every write, so that a reader tells two writes of one moment apart.
    Column("revision", RowNumber, nullable=False),
    Column("removed_at", UtcTime),
    CheckConstraint("lat BETWEEN -90 AND 90", name="lat"),
    CheckConstraint("lng BETWEEN -180 AND 180", name="lng"),
    UniqueConstraint("supplier_id", "external_id"),
)

tariffs = _table("tariffs", Column("id", Text, primary_key=True), Column("document", Text, nullable=False))


def _tariff_reference() -> ForeignKey:
    # Checked at commit: within a transaction stations may come before the tariffs they refer to.
    return ForeignKey("tariffs.id", deferrable=True, initially="DEFERRED")


connectors = _table(
    "connectors",
    Column("station_id", Words, ForeignKey("stations.id"), primary_key=True),
    _key("operator_id"),
    _key("connector_id"),
    Column("supplier_id", Words, nullable=False),  # of the station; here for the index that live reports search
    Column("position", Integer, nullable=False),
    _words("plug"),
    Column("power_kw", Exact),
    _words("label"),
    _words("pile"),
    Column("count", Integer, nullable=False),
    _words("status"),
    Column("status_at", UtcTime),
    Column("bay_blocked", Flag),
    Column("tariff_id", Text, _tariff_reference()),
    Column("price_seen_at", UtcTime),
    Column("no_price", Text),
    # The most telling column first: PostgreSQL without statistics would stop at the supplier and read all its guns.
    Index(None, "connector_id", "operator_id", "supplier_id"),
)

# Append-only: one row for each change of a gun's tariff, from the first day.
price_observations = _table(
    "price_observations",
    _number_key(),
    Column("station_id", Words, ForeignKey("stations.id"), nullable=False),
    _words("operator_id"),
    _words("connector_id"),
    Column("supplier_id", Words, ForeignKey("suppliers.id"), nullable=False),
    Column("tariff_id", Text, _tariff_reference(), nullable=False),
    Column("observed_at", UtcTime, nullable=False),
    Index(None, "station_id", "observed_at"),
    sqlite_autoincrement=True,
)

quarantine = _table(
    "quarantine",
    Column("supplier_id", Words, ForeignKey("suppliers.id"), primary_key=True),
    Column("row_key", Text, primary_key=True),
    _words("external_id"),
    _words("reason"),
    _words("detail"),
    _words("raw"),
    Column("first_seen_at", UtcTime, nullable=False),
    Column("last_seen_at", UtcTime, nullable=False, index=True),
    Column("times", Integer, nullable=False),
)

# --- people ---------------------------------------------------------------------------------------------------

users = _table(
    "users",
    _key(),
    _words("language"),
    Column("created_at", UtcTime, nullable=False),
    Column("energy_kwh", Exact, nullable=False),
    _words("mode"),
    _words("filters"),
    _words("asked"),
    Column("reachable", Flag, nullable=False),
    Column("stopped", Flag, nullable=False),
)

identities = _table(
    "identities",
    _key("channel"),
    _key("external_id"),
    Column("user_id", Words, ForeignKey("users.id"), nullable=False, index=True),
    Column("linked_at", UtcTime, nullable=False),
)

consents = _table(
    "consents",
    _number_key(),
    Column("user_id", Words, ForeignKey("users.id"), nullable=False),
    _words("purpose"),
    Column("version", Integer, nullable=False),
    Column("granted_at", UtcTime, nullable=False),
    Column("withdrawn_at", UtcTime),
    # The history stays; only one consent per purpose is in force.
    Index(
        "uq_consents_in_force",
        "user_id",
        "purpose",
        unique=True,
        sqlite_where=text("withdrawn_at IS NULL"),
        postgresql_where=text("withdrawn_at IS NULL"),
    ),
    sqlite_autoincrement=True,
)

kept_searches = _table(
    "kept_searches",
    _number_key(),
    Column("user_id", Words, ForeignKey("users.id"), nullable=False, index=True),
    Column("cell_lat", Real, nullable=False),
    Column("cell_lng", Real, nullable=False),
    Column("searched_at", UtcTime, nullable=False, index=True),
    sqlite_autoincrement=True,
)

# --- work -----------------------------------------------------------------------------------------------------

inbox = _table(
    "inbox",
    _number_key(),
    _words("source"),
    _words("key"),
    _words("lane"),
    _words("body"),
    _words("state"),
    Column("attempts", Integer, nullable=False),
    Column("received_at", UtcTime, nullable=False),
    Column("next_at", UtcTime, nullable=False),
    Column("lease_until", UtcTime),
    Column("finished_at", UtcTime),
    _words("error"),
    _words("reply"),
    CheckConstraint("state IN ('new', 'working', 'done', 'dead')", name="state"),
    UniqueConstraint("source", "key"),
    Index(None, "source", "state", "id"),
    sqlite_autoincrement=True,
)

ticks = _table("ticks", _key("job"), _key("slot"), Column("taken_at", UtcTime, nullable=False, index=True))

# --- suppliers that talk to us --------------------------------------------------------------------------------

# A party we are connected with. Tokens of theirs that we send stand encrypted in `document`; the ones we check
# are stored as SHA-256, the pending one while a handshake or a rotation is open.
partners = _table(
    "partners",
    _key(),
    _words("kind"),
    _words("state"),
    Column("token_hash", Words, unique=True),
    Column("pending_token_hash", Words, unique=True),
    _words("document"),
    Column("updated_at", UtcTime, nullable=False),
)

# What we asked of a gun and wait to hear about; the id is unguessable and part of the callback address.
commands = _table(
    "commands",
    _key(),
    _words("partner_id"),
    _words("command"),
    Column("start_seq", Words, nullable=False, index=True),
    _words("result"),
    _words("detail"),
    Column("asked_at", UtcTime, nullable=False),
    Column("answered_at", UtcTime),
    # The gun it was asked of.
    Column("operator_id", Words),
    Column("connector_id", Words),
)

# What a partner told us, in its own words: the ground that a partial push (PATCH) is laid on. `mark` is what else
# an object is looked for by, as our number of the session it belongs to.
partner_objects = _table(
    "partner_objects",
    _key("partner_id"),
    _key("module"),
    _key("key"),
    _words("mark"),
    Column("updated_at", UtcTime),
    _words("document"),
    Index(None, "partner_id", "module", "mark"),
)

session_updates = _table(
    "session_updates",
    _key("supplier_id"),
    _key("start_seq"),
    _words("document"),
    Column("at", UtcTime, nullable=False),
    Column("received_at", UtcTime, nullable=False),
)

charge_records = _table(
    "charge_records",
    _key("supplier_id"),
    _key("record_id"),
    Column("start_seq", Words, nullable=False, index=True),
    _words("body_hash"),
    _words("document"),
    Column("received_at", UtcTime, nullable=False),
)

# A supplier whose word is not taken for now: its last good state stays.
freezes = _table(
    "freezes",
    _key("supplier_id"),
    _words("reason"),
    _words("who"),
    Column("frozen_at", UtcTime, nullable=False),
)

# One place, many descriptions: each station belongs to at most one place, named by one of its stations.
links = _table(
    "links",
    _key("station_id"),
    Column("place_id", Words, nullable=False, index=True),
    _words("method"),
    _words("evidence"),
    Column("linked_at", UtcTime, nullable=False),
)

# Pairs that a person has said are not one place; never linked again.
splits = _table(
    "splits",
    _key("one"),
    _key("other"),
    _words("who"),
    Column("split_at", UtcTime, nullable=False),
    CheckConstraint("one < other", name="ordered"),
)
