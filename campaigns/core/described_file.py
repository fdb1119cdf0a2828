"""A file (TOML) in which a person describes something: reading it, and saying what is wrong with it."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from email.utils import parseaddr
from pathlib import Path
from typing import Annotated, Any, TypeVar

from pydantic import AfterValidator, BaseModel, ValidationError

from campaigns.core.errors import BadInput

_Description = TypeVar("_Description", bound=BaseModel)


def read_toml(path: Path, named_by: str = "") -> dict[str, Any]:
    """The tables of a file; `named_by` is the setting that names it, where one does.

    Raises:
        BadInput: there is no such file, or it is not TOML in UTF-8.
    """
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        hint = f" ({named_by})" if named_by else ""
        raise BadInput(f"there is no such file{hint}", where=str(path)) from None
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise BadInput(f"cannot be read: {error}", where=str(path)) from None


def check_described(model: type[_Description], raw: Mapping[str, Any], where: str) -> _Description:
    """The model that `raw` describes.

    Raises:
        BadInput: names every wrong field at once.
    """
    try:
        return model.model_validate(dict(raw))
    except ValidationError as error:
        raise BadInput("; ".join(map(_fault, error.errors())), where=where) from None


def _fault(error: Mapping[str, Any]) -> str:
    said = str(error["msg"]).removeprefix("Value error, ")
    # What is said of the file as a whole has no place in it.
    return ": ".join(filter(None, [".".join(map(str, error["loc"])), said]))


def _name_and_address(value: str) -> str:
    name, address = parseaddr(value)
    if not name or "@" not in address:
        raise ValueError('must have a name and an address, such as "Fjell & Fern <hello@shop.example>"')
    return value


SenderLine = Annotated[str, AfterValidator(_name_and_address)]
"""Who a mail comes from, with a name and an address."""
