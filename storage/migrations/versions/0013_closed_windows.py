"""Of a chat, that nothing said freely is taken there before the person writes again.

Revision ID: 0013
Revises: 0012
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from storage.columns import UtcTime

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("identities", sa.Column("closed_at", UtcTime(), nullable=True))


def downgrade() -> None:
    with op.batch_alter_table("identities") as identities:
        identities.drop_column("closed_at")
