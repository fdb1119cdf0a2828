"""Keeping sign-up forms: a file read again changes its form, and what people agreed to before stays known."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.orm import Session

from campaigns.core.clock import Clock
from campaigns.core.db import Database
from campaigns.core.errors import BadInput, NotFound
from campaigns.flows.console.audit import CLI, record
from campaigns.flows.customers.signup_form import (
    PurposeWords,
    Said,
    SignupForm,
    SignupFormFile,
    wordings_of,
)
from campaigns.models import Product
from campaigns.models import SignupForm as FormRow


@dataclass(frozen=True, slots=True)
class SavedForm:
    """What saving a form did; `versions` of its wording by language, `new_wording` where one was not known."""

    name: str
    created: bool
    new_wording: bool
    versions: dict[str, str]


class SignupForms:
    """Makes, changes, finds and stops forms."""

    def __init__(self, db: Database, clock: Clock) -> None:
        self._db = db
        self._clock = clock

    def save(self, file: SignupFormFile, purpose_words: PurposeWords, by: str = CLI) -> SavedForm:
        """Make this form, or change the one of this name; a form that was stopped works again.

        Raises:
            BadInput: it offers favourites that are not in the catalogue.
        """
        said = {one.version: one for one in wordings_of(file, purpose_words)}
        versions = {one.language: version for version, one in said.items()}
        with self._db.transaction() as session:
            _check_favourites(session, file)
            row = session.scalars(
                select(FormRow).where(FormRow.name == file.name).with_for_update()
            ).one_or_none()
            known = row.definition["wordings"] if row else {}
            definition = {
                "file": file.model_dump(mode="json"),
                "current": versions,
                "wordings": {**known, **{version: one.to_json() for version, one in said.items()}},
            }
            now = self._clock.now()
            if row is None:
                session.add(FormRow(name=file.name, definition=definition, created_at=now, updated_at=now))
            else:
                row.definition, row.active, row.updated_at = definition, True, now
            record(session, now, by, "form.saved", f"form {file.name}", {"versions": versions})
        return SavedForm(file.name, row is None, bool(said.keys() - known.keys()), versions)

    def all(self) -> list[SignupForm]:
        """All forms, by name."""
        with self._db.transaction() as session:
            return [_form(row) for row in session.scalars(select(FormRow).order_by(FormRow.name))]

    def get(self, name: str) -> SignupForm:
        """The form of this name, stopped or not.

        Raises:
            NotFound: there is none.
        """
        with self._db.transaction() as session:
            return find_form(session, name)

    def stop(self, name: str, by: str = CLI) -> None:
        """Let nobody sign up by this form any more; who has asked already may still confirm.

        Raises:
            NotFound: there is none.
        """
        with self._db.transaction() as session:
            row = session.get_one(FormRow, find_form(session, name).id)
            row.active, row.updated_at = False, self._clock.now()
            record(session, row.updated_at, by, "form.stopped", f"form {name}")


def find_form(session: Session, name: str) -> SignupForm:
    """The form of this name, with the titles of the products that it offers.

    Raises:
        NotFound: there is none.
    """
    row = session.scalars(select(FormRow).where(FormRow.name == name)).one_or_none()
    if row is None:
        raise NotFound(f"there is no sign-up form {name}; `tailormail form list` shows which there are")
    form = _form(row)
    skus = form.file.favourites.products
    if not skus:
        return form
    found = session.execute(select(Product.sku, Product.title).where(Product.sku.in_(skus)))
    return _form(row, {row.sku: row.title for row in found})


def _form(row: FormRow, titles: dict[str, str] | None = None) -> SignupForm:
    kept = row.definition
    return SignupForm(
        id=row.id,
        active=row.active,
        file=SignupFormFile.model_validate(kept["file"]),
        current=kept["current"],
        wordings={version: Said.from_json(said) for version, said in kept["wordings"].items()},
        product_titles={
            sku: (titles or {})[sku]
            for sku in kept["file"]["favourites"]["products"]
            if sku in (titles or {})
        },
    )


def _check_favourites(session: Session, file: SignupFormFile) -> None:
    offered = file.favourites
    for field, column, values in (
        ("categories", Product.category, offered.categories),
        ("products", Product.sku, offered.products),
    ):
        known = set(session.scalars(select(column).where(column.in_(values)).distinct())) if values else set()
        missing = [value for value in values if value not in known]
        if missing:
            raise BadInput(
                f"{', '.join(missing)}: not in the catalogue; import products first, or mend the spelling",
                where=f"favourites.{field}",
            )
