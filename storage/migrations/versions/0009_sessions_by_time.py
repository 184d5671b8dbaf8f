"""What became of the charges of the last weeks, and the holds that are still there, are found by time.

Revision ID: 0009
Revises: 0008
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

_ACTIVE = sa.text("state = 'active'")


def upgrade() -> None:
    op.create_index(op.f("ix_charging_sessions_created_at"), "charging_sessions", ["created_at"], unique=False)
    op.create_index(
        "ix_holds_active", "holds", ["held_at"], unique=False, sqlite_where=_ACTIVE, postgresql_where=_ACTIVE
    )


def downgrade() -> None:
    op.drop_index("ix_holds_active", table_name="holds", sqlite_where=_ACTIVE, postgresql_where=_ACTIVE)
    op.drop_index(op.f("ix_charging_sessions_created_at"), table_name="charging_sessions")
