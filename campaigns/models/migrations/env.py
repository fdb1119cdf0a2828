"""Alembic's entry: runs in the transaction that `campaigns.models.schema` hands over."""

from __future__ import annotations

from alembic import context

from campaigns.models import Base
from campaigns.models.schema import not_a_partition

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=Base.metadata,
    include_object=not_a_partition,
)
with context.begin_transaction():
    context.run_migrations()
