"""What partners told us in their own words, and the gun a command was for.

Revision ID: 0003
Revises: 0002
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from storage.columns import UtcTime, Words

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "partner_objects",
        sa.Column("partner_id", Words, nullable=False),
        sa.Column("module", Words, nullable=False),
        sa.Column("key", Words, nullable=False),
        sa.Column("mark", Words, nullable=False),
        sa.Column("updated_at", UtcTime, nullable=True),
        sa.Column("document", Words, nullable=False),
        sa.PrimaryKeyConstraint("partner_id", "module", "key", name=op.f("pk_partner_objects")),
        sqlite_strict=True,
    )
    op.create_index(
        op.f("ix_partner_objects_partner_id_module_mark"),
        "partner_objects",
        ["partner_id", "module", "mark"],
        unique=False,
    )
    op.add_column("commands", sa.Column("operator_id", Words, nullable=True))
    op.add_column("commands", sa.Column("connector_id", Words, nullable=True))


def downgrade() -> None:
    op.drop_column("commands", "connector_id")
    op.drop_column("commands", "operator_id")
    op.drop_table("partner_objects")
