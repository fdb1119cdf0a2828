from __future__ import annotations

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from campaigns.core.db import Database, UnitOfWork
from campaigns.core.errors import NotConfigured
from campaigns.models import Base, ConsentEntry, Customer, schema


def test_the_migrations_make_exactly_the_models(session: UnitOfWork) -> None:
    context = MigrationContext.configure(
        session.connection(), opts={"include_object": schema.not_a_partition}
    )
    assert compare_metadata(context, Base.metadata) == []


def test_an_older_schema_is_refused_with_the_command_that_mends_it(db: Database) -> None:
    with db.transaction() as session:
        session.execute(text("update alembic_version set version_num = '0000'"))
    try:
        with pytest.raises(NotConfigured, match="tailormail upgrade"):
            schema.require_current(db)
    finally:
        with db.transaction() as session:
            session.execute(text("update alembic_version set version_num = :v"), {"v": schema.head()})
    schema.require_current(db)


@pytest.mark.parametrize(
    "statement", ["update consent_entries set wording = 'x'", "delete from consent_entries"]
)
def test_the_database_itself_refuses_to_change_the_ledger(session: UnitOfWork, statement: str) -> None:
    customer = Customer(external_id="1")
    session.add(customer)
    session.flush()
    now = session.execute(text("select now()")).scalar_one()
    session.add(ConsentEntry(customer_id=customer.id, purpose="marketing", action="granted", at=now))
    session.flush()
    with pytest.raises(DBAPIError, match="append-only"):
        session.execute(text(statement))
