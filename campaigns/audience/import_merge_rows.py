"""Merging staged products, orders and consents into their tables."""

from __future__ import annotations

from campaigns.audience.import_merge import Merged, Staged, assignments, columns_of, differs

# A shop's clock may run ahead a little. A consent from the future would outweigh a withdrawal of today.
_ORDER_AHEAD = "interval '1 day'"
_CONSENT_AHEAD = "interval '5 minutes'"
# Of order_lines.occurrence, a smallint.
_MOST_EQUAL_LINES = 32767


def merge_products(staged: Staged) -> Merged:
    """Insert or update products by sku."""
    merged = Merged()
    staged.keep_last(merged, "sku")
    names = [name for name in staged.names if name != "sku"]
    staged.upsert(
        merged,
        f"""
        insert into products as t (sku, {", ".join(names)}, created_at, updated_at)
        select s.sku, {columns_of("s", names)}, :now, :now
        from {staged.table} s left join products p on p.sku = s.sku
        where p.id is null or {differs("p", "s", names)}
        order by s.line
        on conflict (sku) do update set {assignments(names)}, updated_at = excluded.updated_at
        where {differs("t", "excluded", names)}
        """,
        "products",
    )
    return merged


def merge_orders(staged: Staged) -> Merged:
    """Insert or update order lines by (order, product, running number within the file)."""
    merged = Merged()
    _reject_unknown_customers(staged, merged)
    staged.reject(
        merged,
        "'sku \"' || s.sku || '\" is not known; import its product first'",
        "not exists (select from products p where p.sku = s.sku)",
    )
    _reject_future(staged, merged, "ordered_at", _ORDER_AHEAD)
    names = [name for name in staged.names if name in ("quantity", "unit_price", "ordered_at")]
    numbered = f"""
        select s.line, s.order_id, c.id as customer_id, p.id as product_id,
            row_number() over (partition by s.order_id collate "C", p.id order by s.line) as occurrence,
            {columns_of("s", names)}
        from {staged.table} s
        join customers c on c.external_id = s.customer_id
        join products p on p.sku = s.sku
        """
    staged.run("drop table if exists pg_temp.numbered_orders")
    staged.run(f"create temporary table numbered_orders on commit drop as {numbered}")
    staged.run("analyze numbered_orders")
    staged.reject(
        merged,
        f"'is one of more than {_MOST_EQUAL_LINES} lines of one order and sku'",
        f"s.line in (select n.line from numbered_orders n where n.occurrence > {_MOST_EQUAL_LINES})",
    )
    values = ["customer_id", *names]
    staged.upsert(
        merged,
        f"""
        insert into order_lines as t (order_id, product_id, occurrence, {", ".join(values)})
        select n.order_id, n.product_id, n.occurrence, {columns_of("n", values)}
        from numbered_orders n left join order_lines l
            on l.order_id = n.order_id and l.product_id = n.product_id and l.occurrence = n.occurrence
        where n.occurrence <= {_MOST_EQUAL_LINES} and (l.id is null or {differs("l", "n", values)})
        on conflict (order_id, product_id, occurrence) do update set {assignments(values)}
        where {differs("t", "excluded", values)}
        """,
        "order_lines",
    )
    staged.run("drop table numbered_orders")
    return merged


def merge_consents(staged: Staged) -> Merged:
    """Append to the ledger what it does not hold yet, then derive the states of those concerned.

    Each entry locks its customer's chain until the end (migration 0007): in the order of customers, so that two
    writers cannot wait for one another, and not at all where the ledger holds it already.
    """
    merged = Merged()
    _reject_unknown_customers(staged, merged)
    _reject_future(staged, merged, "at", _CONSENT_AHEAD)
    staged.upsert(
        merged,
        f"""
        insert into consent_entries (customer_id, purpose, action, wording, source, at, recorded_at)
        select c.id, s.purpose, s.action, s.wording, s.source, s.at, :now
        from {staged.table} s join customers c on c.external_id = s.customer_id
        where not exists (
            select from consent_entries e where e.customer_id = c.id and e.purpose = s.purpose
            and e.action = s.action and e.source = s.source and e.at = s.at
        )
        order by c.id, s.line
        on conflict (customer_id, purpose, action, source, at) do nothing
        """,
        "consent_entries",
    )
    staged.run(
        f"""
        insert into consent_states as t (customer_id, purpose, granted, entry_id, at)
        select distinct on (e.customer_id, e.purpose)
            e.customer_id, e.purpose, e.action = 'granted', e.id, e.at
        from consent_entries e
        where (e.customer_id, e.purpose) in (
            select c.id, s.purpose from {staged.table} s join customers c on c.external_id = s.customer_id
        )
        order by e.customer_id, e.purpose, e.at desc, e.id desc
        on conflict (customer_id, purpose) do update
            set granted = excluded.granted, entry_id = excluded.entry_id, at = excluded.at
            where (excluded.at, excluded.entry_id) > (t.at, t.entry_id)
        """
    )
    return merged


def _reject_unknown_customers(staged: Staged, merged: Merged) -> None:
    staged.reject(
        merged,
        "'customer_id \"' || s.customer_id || '\" is not known; import the customer first'",
        "not exists (select from customers c where c.external_id = s.customer_id and c.erased_at is null)",
    )


def _reject_future(staged: Staged, merged: Merged, column: str, ahead: str) -> None:
    staged.reject(merged, f"'{column} is in the future'", f"s.{column} > :now + {ahead}", now=staged.now)
