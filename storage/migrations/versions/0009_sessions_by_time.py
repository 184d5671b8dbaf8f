"""What became of the charges of the last weeks, and the holds that are still there, are found by time.

Revision ID: 0009
Revises: 0008
"""

from __future__ import annotations

from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_index(op.f("ix_charging_sessions_created_at"), "charging_sessions", ["created_at"], unique=False)


def downgrade() -> None:
    op.drop_index(op.f("ix_charging_sessions_created_at"), table_name="charging_sessions")
