"""A partner's object is never looked for by an index in which all objects of the partner look alike.

Revision ID: 0004
Revises: 0003
"""

from __future__ import annotations

from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.drop_index(op.f("ix_partner_objects_partner_id_module_mark"), table_name="partner_objects")
    op.create_index(
        op.f("ix_partner_objects_mark_module_partner_id"),
        "partner_objects",
        ["mark", "module", "partner_id"],
        unique=False,
    )


def downgrade() -> None:
    op.drop_index(op.f("ix_partner_objects_mark_module_partner_id"), table_name="partner_objects")
    op.create_index(
        op.f("ix_partner_objects_partner_id_module_mark"),
        "partner_objects",
        ["partner_id", "module", "mark"],
        unique=False,
    )
