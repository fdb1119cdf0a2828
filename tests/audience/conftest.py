"""Fixtures of the audience's tests: files written and imported, a campaign, a segment asked."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select, update

from campaigns.audience.importing import ImportResult, import_file
from campaigns.audience.segments import parse_segment
from campaigns.core.crypto import KeyRing
from campaigns.core.db import UnitOfWork
from campaigns.models import Campaign, Customer

NOW = datetime(2026, 3, 31, 12, 0, tzinfo=UTC)
Load = Callable[..., ImportResult]


@pytest.fixture
def now() -> datetime:
    """The moment at which these tests happen."""
    return NOW


@pytest.fixture
def load(session: UnitOfWork, keyring: KeyRing, tmp_path: Path) -> Load:
    """Import CSV text as a file of a kind; keywords are those of `import_file`."""

    def run(kind: str, content: str | bytes, name: str = "file.csv", **options: Any) -> ImportResult:
        path = tmp_path / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return import_file(
            session,
            kind,  # type: ignore[arg-type]
            path,
            options.get("keyring", keyring),
            options.get("mapping", {}),
            options.get("defaults", {}),
            options.get("now", NOW),
        )

    return run


@pytest.fixture
def shop(load: Load) -> Load:
    """Four customers, three products and some orders; returns `load` to add more."""
    load(
        "customers",
        "external_id,email,first_name,locale,country,tags\n"
        "C1,ada@shop.example,Ada,en_GB,Norway,vip\n"
        "C2,bo@shop.example,Bo,nb_NO,Norway,\n"
        "C3,cy@shop.example,Cy,de_DE,Germany,vip new\n"
        "C4,di@shop.example,Di,es_MX,Sweden,\n",
    )
    load(
        "products",
        "sku,title,category,brand,price,currency,stock,tags\n"
        "J1,Rain Jacket,Jackets,Regnby,199.00,EUR,5,rain\n"
        "B1,Trail Boots,Boots,Tussock,149.50,EUR,0,\n"
        "H1,Wool Hat,Hats,Regnby,29.90,EUR,,cold snow\n",
    )
    load(
        "orders",
        "order_id,customer_id,sku,quantity,unit_price,ordered_at\n"
        "O1,C1,J1,1,199.00,2026-03-01T10:00:00Z\n"
        "O1,C1,H1,2,29.90,2026-03-01T10:00:00Z\n"
        "O2,C2,B1,1,149.50,2025-01-01T10:00:00Z\n"
        "O3,C3,J1,1,150.00,2025-06-01T10:00:00Z\n",
    )
    return load


@pytest.fixture
def grant(load: Load) -> Callable[..., None]:
    """Import consents: `grant("C1", "marketing", "profiling")`, or with action="withdrawn"."""

    def run(customer: str, *purposes: str, action: str = "granted", at: str = "2026-01-05T10:00:00Z") -> None:
        rows = "".join(f"{customer},{purpose},{action},words-v1,checkout,{at}\n" for purpose in purposes)
        result = load("consents", "customer_id,purpose,action,wording,source,at\n" + rows)
        assert result.skipped == 0

    return run


@pytest.fixture
def campaign_id(session: UnitOfWork) -> int:
    """A campaign to freeze an audience for."""
    campaign = Campaign(
        name="Spring", template="outdoor", picks=3, sender="hello@fjellandfern.example",
        postal_address="Fjell & Fern, Storgata 12", brief={}, segment={}, slots=[],
    )  # fmt: skip
    session.add(campaign)
    session.flush()
    return campaign.id


@pytest.fixture
def ids(session: UnitOfWork) -> Callable[[], dict[str, int]]:
    """External id -> id of all customers."""
    return lambda: dict(session.execute(select(Customer.external_id, Customer.id)).all())


@pytest.fixture
def scatter(
    load: Load, session: UnitOfWork, shop: Load, grant: Callable[..., None], ids: Callable[[], dict[str, int]]
) -> Callable[[Mapping[str, str]], dict[str, int]]:
    """Have customers of these names in these time zones who agreed to mail; gives the ids of all."""

    def run(zones: Mapping[str, str]) -> dict[str, int]:
        rows = "\n".join(f"{name},{name.lower()}@shop.example" for name in zones)
        load("customers", f"external_id,email\n{rows}\n")
        for name, zone in zones.items():
            grant(name, "marketing")
            session.execute(update(Customer).where(Customer.external_id == name).values(timezone=zone))
        return ids()

    return run


@pytest.fixture
def members(session: UnitOfWork) -> Callable[[Any], set[str]]:
    """The external ids of the customers in a segment."""

    def ask(tree: Any) -> set[str]:
        condition = parse_segment(tree).condition(NOW)
        return set(session.scalars(select(Customer.external_id).where(condition)))

    return ask
