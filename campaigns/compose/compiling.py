"""Jinja source to compiled templates, in a sandbox; for the wire with everything static prepared."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any

from jinja2 import Template, TemplateError, nodes
from markupsafe import escape

from campaigns.compose.holes import Hole
from campaigns.compose.quoted import quoted
from campaigns.compose.sandbox import TemplateSandbox
from campaigns.core.errors import BadInput

# Titles, prices and pictures stand in thousands of mails. What is one customer's own is kept for as long, which
# is one reason for keeping little.
_MOST_KEPT = 1_500

Constants = Mapping[str, str | Mapping[str, str]]


def compile_plain(source: str, where: str, *, html_escaping: bool) -> Template:
    """A template that renders text as people read it.

    Raises:
        BadInput: not valid Jinja.
    """
    try:
        environment = TemplateSandbox(html_escaping=html_escaping)
        return environment.template(environment.parse(source))
    except TemplateError as error:
        raise BadInput(str(error), where=where) from error
    except (RecursionError, SyntaxError, MemoryError) as error:
        raise BadInput("its expressions are nested too deeply", where=where) from error


def compile_for_wire(source: str, constants: Constants, *, html_escaping: bool) -> Template:
    """A template that renders quoted-printable (see `quoted`), decoding to what the plain one renders.

    `constants` are values that all mails share, by name or by name and attribute: they become part of the
    static text, which is encoded here, once. What is left is encoded as it is filled in.
    """
    escaping: Callable[[str], str] = (lambda text: str(escape(text))) if html_escaping else str
    environment = TemplateSandbox(html_escaping=html_escaping, finalize=_finalizer(html_escaping))
    tree = environment.parse(source)
    # What the template itself gives a name to (`set`, `for`, `with`) is no constant, whatever else has the name.
    own = {name.name for name in tree.find_all(nodes.Name) if name.ctx != "load"}
    constants = {name: value for name, value in constants.items() if name not in own}
    for output in tree.find_all(nodes.Output):
        output.nodes = _prepared(output.nodes, constants, escaping)
    template = environment.template(tree)
    # Jinja escapes what `finalize` returned, for which there is nothing left to do: it has escaped already.
    template.root_render_func.__globals__["escape"] = _already_escaped
    return template


def _already_escaped(text: str) -> str:
    return text


def _finalizer(html_escaping: bool) -> Callable[[Any], str]:
    """What Jinja calls with each value; it is escaped and encoded then."""

    def encode(value: Any) -> str:
        if type(value) is Hole:
            return value.mark
        return quoted(str(escape(value)) if html_escaping else str(value))

    # What was used last stays: a mail's own links, a dozen of them, must not push out what mails share.
    known = lru_cache(maxsize=_MOST_KEPT)(encode)

    def encode_or_know(value: Any) -> str:
        # Escaped text equals the same text unescaped as a key, so only plain strings are kept.
        return known(value) if type(value) is str else encode(value)

    return encode_or_know


def _prepared(
    children: list[nodes.Expr], constants: Constants, escaping: Callable[[str], str]
) -> list[nodes.Expr]:
    """The children of an Output with constants folded into the text around them, and the text encoded."""
    merged: list[nodes.Expr | str] = []
    for child in children:
        text = child.data if isinstance(child, nodes.TemplateData) else _folded(child, constants)
        if text is not None and not isinstance(child, nodes.TemplateData):
            text = escaping(text)
        if text is not None and merged and isinstance(merged[-1], str):
            merged[-1] += text
        else:
            merged.append(child if text is None else text)
    return [nodes.TemplateData(quoted(item)) if isinstance(item, str) else item for item in merged]


def _folded(child: nodes.Expr, constants: Constants) -> str | None:
    """The constant that this expression is, if it is one."""
    value: object = None
    if isinstance(child, nodes.Name):
        value = constants.get(child.name)
    elif isinstance(child, nodes.Getattr) and isinstance(child.node, nodes.Name):
        group = constants.get(child.node.name)
        value = group.get(child.attr) if isinstance(group, Mapping) else None
    return value if isinstance(value, str) else None
