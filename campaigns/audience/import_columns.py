"""The four kinds of import file: their fields, which are required, and how each cell is read."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from campaigns.audience import import_values as read
from campaigns.core.errors import BadInput

Kind = Literal["customers", "products", "orders", "consents"]
Converter = Callable[[str], Any]


@dataclass(frozen=True, slots=True)
class Field:
    """One field: its PostgreSQL type in the staging table and how a cell becomes a value of it."""

    name: str
    read: Converter
    sql_type: str = "text"
    required: bool = False


@dataclass(frozen=True, slots=True)
class ColumnPlan:
    """Where the values of a file come from.

    `cells` are (field, index of the column, cell to read where the file's is empty);
    `constants` are (field, value) of fields that have a default and no column.
    """

    cells: tuple[tuple[Field, int, str], ...]
    constants: tuple[tuple[Field, Any], ...]
    width: int

    @property
    def fields(self) -> tuple[Field, ...]:
        """All fields that get a value, in the order of a row's values."""
        return tuple(f for f, _, _ in self.cells) + tuple(f for f, _ in self.constants)


FIELDS: dict[str, tuple[Field, ...]] = {
    "customers": (
        Field("external_id", read.reference, required=True),
        Field("email", read.email, required=True),
        Field("first_name", read.one_line),
        Field("last_name", read.one_line),
        Field("locale", read.locale),
        Field("timezone", read.timezone),
        Field("country", read.one_line),
        Field("city", read.one_line),
        Field("latitude", read.latitude, "double precision"),
        Field("longitude", read.longitude, "double precision"),
        Field("tags", read.tags, "text[]"),
    ),
    "products": (
        Field("sku", read.reference, required=True),
        Field("title", read.needed_line, required=True),
        Field("description", read.text),
        Field("category", read.one_line),
        Field("brand", read.one_line),
        Field("price", read.price, "numeric(12,2)"),
        Field("currency", read.currency),
        Field("url", read.web_address),
        Field("image_url", read.picture_address),
        Field("stock", read.stock, "integer"),
        Field("tags", read.tags, "text[]"),
    ),
    "orders": (
        Field("order_id", read.reference, required=True),
        Field("customer_id", read.reference, required=True),
        Field("sku", read.reference, required=True),
        Field("quantity", read.quantity, "integer"),
        Field("unit_price", read.amount, "numeric(12,2)"),
        Field("ordered_at", read.moment, "timestamptz", required=True),
    ),
    # A consent is worth what can be proven of it, so its wording and source are required like the rest;
    # a shop that has none says so once with a default.
    "consents": (
        Field("customer_id", read.reference, required=True),
        Field("purpose", read.purpose, required=True),
        Field("action", read.action, required=True),
        Field("wording", read.one_line, required=True),
        Field("source", read.one_line, required=True),
        Field("at", read.moment, "timestamptz", required=True),
    ),
    # No kind of a shop's own: read by suppression_lists.py.
    "suppressions": (
        Field("address", read.address_or_domain),
        Field("domain", read.one_line),
        Field("address_hmac", read.text),
        Field("reason", read.one_line),
        Field("source", read.one_line),
        Field("at", read.moment_or_none, "timestamptz"),
    ),
}


def plan_columns(
    kind: str, header: Sequence[str], mapping: Mapping[str, str], defaults: Mapping[str, str], where: str
) -> ColumnPlan:
    """Find each field's column: the mapped one (none where it is mapped to ""), else the one of its own name.

    Raises:
        BadInput: an unknown field, a column that is not there or there twice, a required field without
            column and default, a default that its field refuses. `where` names the file.
    """
    fields = {field.name: field for field in FIELDS[kind]}
    _refuse_unknown(kind, fields, [*mapping, *defaults], where)
    places = _places(header, where)
    cells: list[tuple[Field, int, str]] = []
    constants: list[tuple[Field, Any]] = []
    missing: list[str] = []
    for field in fields.values():
        column = mapping.get(field.name, field.name).strip()
        default = defaults.get(field.name, "")
        value = _read_default(field, default, where) if default else None
        if column and column.lower() in places:
            cells.append((field, places[column.lower()], default))
        elif column and field.name in mapping:
            raise BadInput(
                f"there is no column {read.shown(column)} for {field.name}; the file has {', '.join(header)}",
                where,
            )
        elif default:
            constants.append((field, value))
        elif field.required:
            missing.append(field.name)
    if missing:
        raise BadInput(_missing(kind, missing, header), where)
    return ColumnPlan(tuple(cells), tuple(constants), len(header))


def _refuse_unknown(kind: str, fields: Mapping[str, Field], asked: Iterable[str], where: str) -> None:
    unknown = [name for name in asked if name not in fields]
    if unknown:
        raise BadInput(
            f"{kind} have no field {', '.join(unknown)}; the fields are {', '.join(fields)}", where
        )


def _places(header: Sequence[str], where: str) -> dict[str, int]:
    places: dict[str, int] = {}
    for index, column in enumerate(header):
        name = column.strip().lower()
        if name and name in places:
            raise BadInput(f"the header has the column {read.shown(column)} twice; rename one", where)
        places[name] = index
    return places


def _read_default(field: Field, default: str, where: str) -> Any:
    try:
        return field.read(default)
    except ValueError as error:
        raise BadInput(f"the default of {field.name} {error}", where) from None


def _missing(kind: str, missing: Sequence[str], header: Sequence[str]) -> str:
    ways = " ".join(f"--map {name}=COLUMN" for name in missing)
    return (
        f"{kind} need a column {', '.join(missing)}; the header has {', '.join(header) or 'nothing'}. "
        f"Name the column ({ways}) or give one value for all rows (--default FIELD=VALUE)"
    )
