"""Of each price seen, whether it was said unasked. Of those before nobody knows: they count as asked for.

Revision ID: 0012
Revises: 0011
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

import storage.columns

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column(
        "price_observations",
        sa.Column("pushed", storage.columns.Flag(), server_default=sa.false(), nullable=False),
    )


def downgrade() -> None:
    op.drop_column("price_observations", "pushed")
