"""All tables. The migrations create them; a test holds the two together."""

from __future__ import annotations

from sqlalchemy import (
    CheckConstraint,
    Column,
    ForeignKey,
    Index,
    Integer,
    Text,
    UniqueConstraint,
    false,
    text,
)

from storage.columns import Exact, Flag, Real, RowNumber, UtcTime, Words
from storage.tables.money import (
    accounts,
    cases,
    channel_pauses,
    charge_quotes,
    charging_sessions,
    differences,
    halts,
    holds,
    idempotency,
    outbox,
    reconciliations,
    record_bookings,
    refunds,
    session_events,
    topups,
    transfers,
)
from storage.tables.parts import key, metadata, number_key, table, words
from storage.tables.prices import cursors, price_days, price_series, price_versions
from storage.tables.scanning import gun_texts, live_messages, opinions, scan_photos, scans
from storage.tables.watches import alerts, leaves, watches

# --- catalogue ------------------------------------------------------------------------------------------------

suppliers = table(
    "suppliers",
    key(),
    words("kind"),
    words("name"),
    words("licence"),
    words("attribution"),
    words("url"),
    words("datum"),
)

pulls = table(
    "pulls",
    Column("supplier_id", Words, ForeignKey("suppliers.id"), primary_key=True),
    key("asked"),
    Column("last_success_at", UtcTime),
    words("last_error"),
    Column("last_error_at", UtcTime),
)

stations = table(
    "stations",
    key(),
    Column("supplier_id", Words, ForeignKey("suppliers.id"), nullable=False),
    words("external_id"),
    words("name"),
    Column("lat", Real, nullable=False),
    Column("lng", Real, nullable=False),
    Column("accuracy_m", Real),
    words("operator_id"),
    words("operator_name"),
    Column("global_id", Words),
    words("address"),
    words("country"),
    words("time_zone"),
    words("hours"),
    Column("parking_free", Flag),
    words("parking_text"),
    words("facilities"),
    words("phone"),
    words("guide"),
    words("price_text"),
    Column("public", Flag, nullable=False),
    words("source_datum"),
    words("licence"),
    words("attribution"),
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
    Index(None, "lat", "lng"),
)

tariffs = table("tariffs", Column("id", Text, primary_key=True), Column("document", Text, nullable=False))


def _tariff_reference() -> ForeignKey:
    # Checked at commit: within a transaction stations may come before the tariffs they refer to.
    return ForeignKey("tariffs.id", deferrable=True, initially="DEFERRED")


connectors = table(
    "connectors",
    Column("station_id", Words, ForeignKey("stations.id"), primary_key=True),
    key("operator_id"),
    key("connector_id"),
    Column("supplier_id", Words, nullable=False),  # of the station; here for the index that live reports search
    Column("position", Integer, nullable=False),
    words("plug"),
    Column("power_kw", Exact),
    words("label"),
    words("pile"),
    Column("count", Integer, nullable=False),
    words("status"),
    Column("status_at", UtcTime),
    Column("bay_blocked", Flag),
    Column("tariff_id", Text, _tariff_reference()),
    Column("price_seen_at", UtcTime),
    Column("no_price", Text),
    # The most telling column first: PostgreSQL without statistics would stop at the supplier and read all its guns.
    Index(None, "connector_id", "operator_id", "supplier_id"),
)

# Append-only: one row for each change of a gun's tariff, from the first day.
price_observations = table(
    "price_observations",
    number_key(),
    Column("station_id", Words, ForeignKey("stations.id"), nullable=False),
    words("operator_id"),
    words("connector_id"),
    Column("supplier_id", Words, ForeignKey("suppliers.id"), nullable=False),
    Column("tariff_id", Text, _tariff_reference(), nullable=False),
    Column("observed_at", UtcTime, nullable=False),
    Column("pushed", Flag, nullable=False, server_default=false()),  # said unasked
    Index(None, "station_id", "observed_at"),
    sqlite_autoincrement=True,
)

quarantine = table(
    "quarantine",
    Column("supplier_id", Words, ForeignKey("suppliers.id"), primary_key=True),
    Column("row_key", Text, primary_key=True),
    words("external_id"),
    words("reason"),
    words("detail"),
    words("raw"),
    Column("first_seen_at", UtcTime, nullable=False),
    Column("last_seen_at", UtcTime, nullable=False, index=True),
    Column("times", Integer, nullable=False),
)

# --- people ---------------------------------------------------------------------------------------------------

users = table(
    "users",
    key(),
    words("language"),
    Column("created_at", UtcTime, nullable=False),
    Column("energy_kwh", Exact, nullable=False),
    words("mode"),
    words("filters"),
    words("asked"),
    Column("reachable", Flag, nullable=False),
    Column("stopped", Flag, nullable=False),
    # Minutes since midnight on the person's own clock.
    Column("quiet_from", Integer),
    Column("quiet_to", Integer),
    Column("time_zone", Words),
    Column("merged_into", Words, index=True),
    Column("deleted_at", UtcTime),
)

cars = table(
    "cars",
    key(),
    Column("user_id", Words, ForeignKey("users.id"), nullable=False, index=True),
    words("name"),
    words("plug"),
    Column("battery_kwh", Exact, nullable=False),
    Column("usable_kwh", Exact, nullable=False),
    Column("usual", Flag, nullable=False),
)

# Sessions of the API and the page. The token is with the client alone; this is its SHA-256.
logins = table(
    "logins",
    key("token_hash"),
    Column("user_id", Words, ForeignKey("users.id"), nullable=False, index=True),
    words("kind"),
    Column("created_at", UtcTime, nullable=False),
    Column("used_at", UtcTime, nullable=False),
    Column("expires_at", UtcTime, nullable=False, index=True),
    Column("revoked_at", UtcTime),
)

link_codes = table(
    "link_codes",
    key("code_hash"),
    Column("user_id", Words, ForeignKey("users.id"), nullable=False, index=True),
    words("channel"),
    words("label"),
    Column("created_at", UtcTime, nullable=False),
    Column("expires_at", UtcTime, nullable=False, index=True),
    Column("used_at", UtcTime),
)

# Codes that were none, by who entered them: guessing is limited.
link_tries = table(
    "link_tries",
    number_key(),
    words("user_id"),
    Column("tried_at", UtcTime, nullable=False),
    Index(None, "user_id", "tried_at"),
    sqlite_autoincrement=True,
)

identities = table(
    "identities",
    key("channel"),
    key("external_id"),
    Column("user_id", Words, ForeignKey("users.id"), nullable=False, index=True),
    Column("linked_at", UtcTime, nullable=False),
    Column("used_at", UtcTime),  # the person wrote there last, to the hour
    Column("gone_at", UtcTime),  # they blocked us or left
    Column("closed_at", UtcTime),  # nothing said freely is taken there before they write again
)

consents = table(
    "consents",
    number_key(),
    Column("user_id", Words, ForeignKey("users.id"), nullable=False),
    words("purpose"),
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

kept_searches = table(
    "kept_searches",
    number_key(),
    Column("user_id", Words, ForeignKey("users.id"), nullable=False, index=True),
    Column("cell_lat", Real, nullable=False),
    Column("cell_lng", Real, nullable=False),
    Column("searched_at", UtcTime, nullable=False, index=True),
    sqlite_autoincrement=True,
)

# --- work -----------------------------------------------------------------------------------------------------

inbox = table(
    "inbox",
    number_key(),
    words("source"),
    words("key"),
    words("lane"),
    words("body"),
    words("state"),
    Column("attempts", Integer, nullable=False),
    Column("received_at", UtcTime, nullable=False),
    Column("next_at", UtcTime, nullable=False),
    Column("lease_until", UtcTime),
    Column("finished_at", UtcTime),
    words("error"),
    words("reply"),
    CheckConstraint("state IN ('new', 'working', 'done', 'dead')", name="state"),
    UniqueConstraint("source", "key"),
    Index(None, "source", "state", "id"),
    sqlite_autoincrement=True,
)

ticks = table("ticks", key("job"), key("slot"), Column("taken_at", UtcTime, nullable=False, index=True))

# --- suppliers that talk to us --------------------------------------------------------------------------------

# A party we are connected with. Tokens of theirs that we send stand encrypted in `document`; the ones we check
# are stored as SHA-256, the pending one while a handshake or a rotation is open.
partners = table(
    "partners",
    key(),
    words("kind"),
    words("state"),
    Column("token_hash", Words, unique=True),
    Column("pending_token_hash", Words, unique=True),
    words("document"),
    Column("updated_at", UtcTime, nullable=False),
)

# What we asked of a gun and wait to hear about; the id is unguessable and part of the callback address.
commands = table(
    "commands",
    key(),
    words("partner_id"),
    words("command"),
    Column("start_seq", Words, nullable=False, index=True),
    words("result"),
    words("detail"),
    Column("asked_at", UtcTime, nullable=False),
    Column("answered_at", UtcTime),
    # The gun it was asked of.
    Column("operator_id", Words),
    Column("connector_id", Words),
)

# What a partner told us, in its own words: the ground that a partial push (PATCH) is laid on. `mark` is what else
# an object is looked for by, as our number of the session it belongs to.
partner_objects = table(
    "partner_objects",
    key("partner_id"),
    key("module"),
    key("key"),
    words("mark"),
    Column("updated_at", UtcTime),
    words("document"),
    # The mark first: nearly all marks are empty, and PostgreSQL without statistics would take this index to look for
    # a key, and read all objects of the partner.
    Index(None, "mark", "module", "partner_id"),
)

session_updates = table(
    "session_updates",
    key("supplier_id"),
    key("start_seq"),
    words("document"),
    Column("at", UtcTime, nullable=False),
    Column("received_at", UtcTime, nullable=False),
)

charge_records = table(
    "charge_records",
    key("supplier_id"),
    key("record_id"),
    Column("start_seq", Words, nullable=False, index=True),
    words("body_hash"),
    words("document"),
    Column("received_at", UtcTime, nullable=False),
    # When somebody first did something about it in our books (record_bookings). What waits for that is found at once,
    # however many records there are.
    Column("booked_at", UtcTime),
    Index(
        "ix_charge_records_unbooked",
        "received_at",
        sqlite_where=text("booked_at IS NULL"),
        postgresql_where=text("booked_at IS NULL"),
    ),
)

# A supplier whose word is not taken for now: its last good state stays.
freezes = table(
    "freezes",
    key("supplier_id"),
    words("reason"),
    words("who"),
    Column("frozen_at", UtcTime, nullable=False),
)

# One place, many descriptions: each station belongs to at most one place, named by one of its stations.
links = table(
    "links",
    key("station_id"),
    Column("place_id", Words, nullable=False, index=True),
    words("method"),
    words("evidence"),
    Column("linked_at", UtcTime, nullable=False),
)

# Pairs that a person has said are not one place; never linked again.
splits = table(
    "splits",
    key("one"),
    key("other"),
    words("who"),
    Column("split_at", UtcTime, nullable=False),
    CheckConstraint("one < other", name="ordered"),
)

__all__ = [
    "accounts",
    "alerts",
    "cars",
    "cases",
    "channel_pauses",
    "charge_quotes",
    "charge_records",
    "charging_sessions",
    "commands",
    "connectors",
    "consents",
    "cursors",
    "differences",
    "freezes",
    "gun_texts",
    "halts",
    "holds",
    "idempotency",
    "identities",
    "inbox",
    "kept_searches",
    "leaves",
    "link_codes",
    "link_tries",
    "links",
    "live_messages",
    "logins",
    "metadata",
    "opinions",
    "outbox",
    "partner_objects",
    "partners",
    "price_days",
    "price_observations",
    "price_series",
    "price_versions",
    "pulls",
    "quarantine",
    "reconciliations",
    "record_bookings",
    "refunds",
    "scan_photos",
    "scans",
    "session_events",
    "session_updates",
    "splits",
    "stations",
    "suppliers",
    "tariffs",
    "ticks",
    "topups",
    "transfers",
    "users",
    "watches",
]
