"""arms of campaigns, and who is in which

Revision ID: 0016
Revises: 0015
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("campaigns", sa.Column("experiment", postgresql.JSONB(), nullable=True))
    op.add_column("sends", sa.Column("arm", sa.SmallInteger(), nullable=True))
