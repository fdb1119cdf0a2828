"""What stands for the values of a mail while a template is traced: each one remembers where it was written.

A template whose statements only choose and repeat (`if`, `for`, `in`), and write values as they are, makes the same
text of all mails of one shape but for the values themselves. `outline.py` renders one such mail with these in
their places. Whatever else is done to one of them raises `NotForHoles`, and that template is rendered mail by mail.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, NoReturn

from jinja2 import Environment, TemplateError, nodes

MARK = re.compile("\x00([0-9]+)\x00")
"""Where a hole was written; neither quoted-printable nor the static text of a template contains a NUL."""

# Tests and filters are not among these: they could look at what a hole is in place of what it stands for.
_CHOOSING = (
    nodes.Template, nodes.Output, nodes.TemplateData, nodes.Name, nodes.Getattr, nodes.Getitem, nodes.Const,
    nodes.If, nodes.For, nodes.CondExpr, nodes.And, nodes.Or, nodes.Not, nodes.Compare, nodes.Operand, nodes.Assign,
    nodes.Slice,
)  # fmt: skip


class NotForHoles(Exception):
    """A template does with a value what cannot be done before the value is known."""


def _refuse(*_: object) -> NoReturn:
    raise NotForHoles


class _Opaque:
    """Equal to nothing, and never a text."""

    __slots__ = ()
    __hash__ = None  # type: ignore[assignment]
    __eq__ = __ne__ = __str__ = __repr__ = __format__ = _refuse


class Hole(_Opaque):
    """In place of one value; all that is known of it is whether it is true."""

    __slots__ = ("_filled", "mark")

    def __init__(self, number: int, value: object) -> None:
        self.mark = f"\x00{number}\x00"
        self._filled = bool(value)

    def __bool__(self) -> bool:
        return self._filled


class Holes(_Opaque):
    """In place of an object: its attributes are holes, and others it has none."""

    __slots__ = ("_holes",)

    def __init__(self, holes: Mapping[str, Hole]) -> None:
        self._holes = holes

    def __getattr__(self, name: str) -> Any:
        try:
            return self._holes[name]
        except KeyError:
            raise AttributeError(name) from None


def only_chooses(source: str) -> bool:
    """Whether the statements of a template (Jinja) are such that it can be traced."""
    try:
        tree = Environment(trim_blocks=True, lstrip_blocks=True).parse(source)
    except (TemplateError, RecursionError):
        return False
    return all(isinstance(node, _CHOOSING) for node in tree.find_all(nodes.Node)) and "\x00" not in source
