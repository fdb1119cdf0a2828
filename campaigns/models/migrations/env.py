"""Alembic's entry: runs in the transaction that `campaigns.models.schema` hands over."""

from __future__ import annotations

from alembic import context

from campaigns.models import Base

context.configure(connection=context.config.attributes["connection"], target_metadata=Base.metadata)
with context.begin_transaction():
    context.run_migrations()
