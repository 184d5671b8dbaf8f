"""The first tables: catalogue, people, inbox and ticks."""

import sqlalchemy as sa
from alembic import op

from storage.columns import Exact, Flag, Real, RowNumber, UtcTime, Words

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "inbox",
        sa.Column("id", RowNumber, autoincrement=True, nullable=False),
        sa.Column("source", Words, nullable=False),
        sa.Column("key", Words, nullable=False),
        sa.Column("lane", Words, nullable=False),
        sa.Column("body", Words, nullable=False),
        sa.Column("state", Words, nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("received_at", UtcTime, nullable=False),
        sa.Column("next_at", UtcTime, nullable=False),
        sa.Column("lease_until", UtcTime, nullable=True),
        sa.Column("finished_at", UtcTime, nullable=True),
        sa.Column("error", Words, nullable=False),
        sa.Column("reply", Words, nullable=False),
        sa.CheckConstraint("state IN ('new', 'working', 'done', 'dead')", name=op.f("ck_inbox_state")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_inbox")),
        sa.UniqueConstraint("source", "key", name=op.f("uq_inbox_source_key")),
        sqlite_autoincrement=True,
        sqlite_strict=True,
    )
    op.create_index(op.f("ix_inbox_source_state_id"), "inbox", ["source", "state", "id"], unique=False)
    op.create_table(
        "suppliers",
        sa.Column("id", Words, nullable=False),
        sa.Column("kind", Words, nullable=False),
        sa.Column("name", Words, nullable=False),
        sa.Column("licence", Words, nullable=False),
        sa.Column("attribution", Words, nullable=False),
        sa.Column("url", Words, nullable=False),
        sa.Column("datum", Words, nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_suppliers")),
        sqlite_strict=True,
    )
    op.create_table(
        "tariffs",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("document", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_tariffs")),
        sqlite_strict=True,
    )
    op.create_table(
        "ticks",
        sa.Column("job", Words, nullable=False),
        sa.Column("slot", Words, nullable=False),
        sa.Column("taken_at", UtcTime, nullable=False),
        sa.PrimaryKeyConstraint("job", "slot", name=op.f("pk_ticks")),
        sqlite_strict=True,
    )
    op.create_index(op.f("ix_ticks_taken_at"), "ticks", ["taken_at"], unique=False)
    op.create_table(
        "users",
        sa.Column("id", Words, nullable=False),
        sa.Column("language", Words, nullable=False),
        sa.Column("created_at", UtcTime, nullable=False),
        sa.Column("energy_kwh", Exact, nullable=False),
        sa.Column("mode", Words, nullable=False),
        sa.Column("filters", Words, nullable=False),
        sa.Column("asked", Words, nullable=False),
        sa.Column("reachable", Flag, nullable=False),
        sa.Column("stopped", Flag, nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_users")),
        sqlite_strict=True,
    )
    op.create_table(
        "consents",
        sa.Column("id", RowNumber, autoincrement=True, nullable=False),
        sa.Column("user_id", Words, nullable=False),
        sa.Column("purpose", Words, nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("granted_at", UtcTime, nullable=False),
        sa.Column("withdrawn_at", UtcTime, nullable=True),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name=op.f("fk_consents_user_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_consents")),
        sqlite_autoincrement=True,
        sqlite_strict=True,
    )
    op.create_index(
        "uq_consents_in_force",
        "consents",
        ["user_id", "purpose"],
        unique=True,
        sqlite_where=sa.text("withdrawn_at IS NULL"),
        postgresql_where=sa.text("withdrawn_at IS NULL"),
    )
    op.create_table(
        "identities",
        sa.Column("channel", Words, nullable=False),
        sa.Column("external_id", Words, nullable=False),
        sa.Column("user_id", Words, nullable=False),
        sa.Column("linked_at", UtcTime, nullable=False),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name=op.f("fk_identities_user_id")),
        sa.PrimaryKeyConstraint("channel", "external_id", name=op.f("pk_identities")),
        sqlite_strict=True,
    )
    op.create_index(op.f("ix_identities_user_id"), "identities", ["user_id"], unique=False)
    op.create_table(
        "kept_searches",
        sa.Column("id", RowNumber, autoincrement=True, nullable=False),
        sa.Column("user_id", Words, nullable=False),
        sa.Column("cell_lat", Real, nullable=False),
        sa.Column("cell_lng", Real, nullable=False),
        sa.Column("searched_at", UtcTime, nullable=False),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name=op.f("fk_kept_searches_user_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_kept_searches")),
        sqlite_autoincrement=True,
        sqlite_strict=True,
    )
    op.create_index(op.f("ix_kept_searches_searched_at"), "kept_searches", ["searched_at"], unique=False)
    op.create_index(op.f("ix_kept_searches_user_id"), "kept_searches", ["user_id"], unique=False)
    op.create_table(
        "pulls",
        sa.Column("supplier_id", Words, nullable=False),
        sa.Column("asked", Words, nullable=False),
        sa.Column("last_success_at", UtcTime, nullable=True),
        sa.Column("last_error", Words, nullable=False),
        sa.Column("last_error_at", UtcTime, nullable=True),
        sa.ForeignKeyConstraint(["supplier_id"], ["suppliers.id"], name=op.f("fk_pulls_supplier_id")),
        sa.PrimaryKeyConstraint("supplier_id", "asked", name=op.f("pk_pulls")),
        sqlite_strict=True,
    )
    op.create_table(
        "quarantine",
        sa.Column("supplier_id", Words, nullable=False),
        sa.Column("row_key", sa.Text(), nullable=False),
        sa.Column("external_id", Words, nullable=False),
        sa.Column("reason", Words, nullable=False),
        sa.Column("detail", Words, nullable=False),
        sa.Column("raw", Words, nullable=False),
        sa.Column("first_seen_at", UtcTime, nullable=False),
        sa.Column("last_seen_at", UtcTime, nullable=False),
        sa.Column("times", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["supplier_id"], ["suppliers.id"], name=op.f("fk_quarantine_supplier_id")),
        sa.PrimaryKeyConstraint("supplier_id", "row_key", name=op.f("pk_quarantine")),
        sqlite_strict=True,
    )
    op.create_index(op.f("ix_quarantine_last_seen_at"), "quarantine", ["last_seen_at"], unique=False)
    op.create_table(
        "stations",
        sa.Column("id", Words, nullable=False),
        sa.Column("supplier_id", Words, nullable=False),
        sa.Column("external_id", Words, nullable=False),
        sa.Column("name", Words, nullable=False),
        sa.Column("lat", Real, nullable=False),
        sa.Column("lng", Real, nullable=False),
        sa.Column("accuracy_m", Real, nullable=True),
        sa.Column("operator_id", Words, nullable=False),
        sa.Column("operator_name", Words, nullable=False),
        sa.Column("global_id", Words, nullable=True),
        sa.Column("address", Words, nullable=False),
        sa.Column("country", Words, nullable=False),
        sa.Column("time_zone", Words, nullable=False),
        sa.Column("hours", Words, nullable=False),
        sa.Column("parking_free", Flag, nullable=True),
        sa.Column("parking_text", Words, nullable=False),
        sa.Column("facilities", Words, nullable=False),
        sa.Column("phone", Words, nullable=False),
        sa.Column("guide", Words, nullable=False),
        sa.Column("price_text", Words, nullable=False),
        sa.Column("public", Flag, nullable=False),
        sa.Column("source_datum", Words, nullable=False),
        sa.Column("licence", Words, nullable=False),
        sa.Column("attribution", Words, nullable=False),
        sa.Column("updated_at", UtcTime, nullable=True),
        sa.Column("content_hash", sa.Text(), nullable=False),
        sa.Column("changed_at", UtcTime, nullable=False),
        sa.Column("revision", RowNumber, nullable=False),
        sa.Column("removed_at", UtcTime, nullable=True),
        sa.CheckConstraint("lat BETWEEN -90 AND 90", name=op.f("ck_stations_lat")),
        sa.CheckConstraint("lng BETWEEN -180 AND 180", name=op.f("ck_stations_lng")),
        sa.ForeignKeyConstraint(["supplier_id"], ["suppliers.id"], name=op.f("fk_stations_supplier_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_stations")),
        sa.UniqueConstraint("supplier_id", "external_id", name=op.f("uq_stations_supplier_id_external_id")),
        sqlite_strict=True,
    )
    op.create_index(op.f("ix_stations_changed_at"), "stations", ["changed_at"], unique=False)
    op.create_table(
        "connectors",
        sa.Column("station_id", Words, nullable=False),
        sa.Column("operator_id", Words, nullable=False),
        sa.Column("connector_id", Words, nullable=False),
        sa.Column("supplier_id", Words, nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("plug", Words, nullable=False),
        sa.Column("power_kw", Exact, nullable=True),
        sa.Column("label", Words, nullable=False),
        sa.Column("pile", Words, nullable=False),
        sa.Column("count", sa.Integer(), nullable=False),
        sa.Column("status", Words, nullable=False),
        sa.Column("status_at", UtcTime, nullable=True),
        sa.Column("bay_blocked", Flag, nullable=True),
        sa.Column("tariff_id", sa.Text(), nullable=True),
        sa.Column("price_seen_at", UtcTime, nullable=True),
        sa.Column("no_price", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(["station_id"], ["stations.id"], name=op.f("fk_connectors_station_id")),
        sa.ForeignKeyConstraint(
            ["tariff_id"], ["tariffs.id"], name=op.f("fk_connectors_tariff_id"), initially="DEFERRED", deferrable=True
        ),
        sa.PrimaryKeyConstraint("station_id", "operator_id", "connector_id", name=op.f("pk_connectors")),
        sqlite_strict=True,
    )
    op.create_index(
        op.f("ix_connectors_connector_id_operator_id_supplier_id"),
        "connectors",
        ["connector_id", "operator_id", "supplier_id"],
        unique=False,
    )
    op.create_table(
        "price_observations",
        sa.Column("id", RowNumber, autoincrement=True, nullable=False),
        sa.Column("station_id", Words, nullable=False),
        sa.Column("operator_id", Words, nullable=False),
        sa.Column("connector_id", Words, nullable=False),
        sa.Column("supplier_id", Words, nullable=False),
        sa.Column("tariff_id", sa.Text(), nullable=False),
        sa.Column("observed_at", UtcTime, nullable=False),
        sa.ForeignKeyConstraint(["station_id"], ["stations.id"], name=op.f("fk_price_observations_station_id")),
        sa.ForeignKeyConstraint(["supplier_id"], ["suppliers.id"], name=op.f("fk_price_observations_supplier_id")),
        sa.ForeignKeyConstraint(
            ["tariff_id"],
            ["tariffs.id"],
            name=op.f("fk_price_observations_tariff_id"),
            initially="DEFERRED",
            deferrable=True,
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_price_observations")),
        sqlite_autoincrement=True,
        sqlite_strict=True,
    )
    op.create_index(
        op.f("ix_price_observations_station_id_observed_at"),
        "price_observations",
        ["station_id", "observed_at"],
        unique=False,
    )


def downgrade() -> None:
    op.drop_index(op.f("ix_price_observations_station_id_observed_at"), table_name="price_observations")
    op.drop_table("price_observations")
    op.drop_index(op.f("ix_connectors_connector_id_operator_id_supplier_id"), table_name="connectors")
    op.drop_table("connectors")
    op.drop_index(op.f("ix_stations_changed_at"), table_name="stations")
    op.drop_table("stations")
    op.drop_index(op.f("ix_quarantine_last_seen_at"), table_name="quarantine")
    op.drop_table("quarantine")
    op.drop_table("pulls")
    op.drop_index(op.f("ix_kept_searches_user_id"), table_name="kept_searches")
    op.drop_index(op.f("ix_kept_searches_searched_at"), table_name="kept_searches")
    op.drop_table("kept_searches")
    op.drop_index(op.f("ix_identities_user_id"), table_name="identities")
    op.drop_table("identities")
    op.drop_index(
        "uq_consents_in_force",
        table_name="consents",
        sqlite_where=sa.text("withdrawn_at IS NULL"),
        postgresql_where=sa.text("withdrawn_at IS NULL"),
    )
    op.drop_table("consents")
    op.drop_table("users")
    op.drop_index(op.f("ix_ticks_taken_at"), table_name="ticks")
    op.drop_table("ticks")
    op.drop_table("tariffs")
    op.drop_table("suppliers")
    op.drop_index(op.f("ix_inbox_source_state_id"), table_name="inbox")
    op.drop_table("inbox")
