"""Which statements of Jinja a template may use: those after which every text is written exactly once.

A mail for the wire is encoded while it is rendered: the static text beforehand, each value as it is filled
in (compiling.py). Text that is rendered first and filled in afterwards, as a block of `set` or a macro does
it, would be encoded twice, and the recipient would read `=C3=A9`.
"""

from __future__ import annotations

from jinja2 import Environment, TemplateSyntaxError, nodes

from campaigns.core.errors import BadInput

_IN_PLACE = "write the text in the place where it is to stand, in a loop if it stands there several times"
_ONE_FILE = "a template is one file for the HTML and one for the text: write here what the other file has"
_UNFIT: dict[type[nodes.Node], tuple[str, str]] = {
    nodes.AssignBlock: (
        "{% set %} with a block of text",
        "write {% set name = expression %}, joining texts with ~, or " + _IN_PLACE,
    ),
    nodes.Macro: ("{% macro %}", _IN_PLACE),
    nodes.CallBlock: ("{% call %}", _IN_PLACE),
    nodes.FilterBlock: ("{% filter %}", "apply the filter to each value: {{ value | filter }}"),
    nodes.Block: ("{% block %}", _IN_PLACE),
    nodes.Extends: ("{% extends %}", _ONE_FILE),
    nodes.Include: ("{% include %}", _ONE_FILE),
    nodes.Import: ("{% import %}", _ONE_FILE),
    nodes.FromImport: ("{% from ... import %}", _ONE_FILE),
    nodes.ScopedEvalContextModifier: (
        "{% autoescape %}",
        "leave it out: values are escaped in HTML and never in text",
    ),
}
_DEEPEST_LOOP, _MOST_LOOPS = 3, 50
_LONGEST_SOURCE = 200_000  # characters
_RECURSIVE = ("{% for ... recursive %}", "write the inner loop into the outer one")


def check_statements(source: str, where: str) -> None:
    """Read a source as its author wrote it, for errors that name its own lines.

    Raises:
        BadInput: not valid Jinja, or a statement that no mail can be made with; names `where` and the line.
    """
    if len(source) > _LONGEST_SOURCE:
        raise BadInput(f"has more than {_LONGEST_SOURCE:,} characters", where=where)
    try:
        tree = Environment().parse(source)
    except TemplateSyntaxError as error:
        raise BadInput(error.message or "not valid Jinja", where=f"{where}, line {error.lineno}") from error
    except RecursionError:
        raise BadInput("its expressions are nested too deeply", where=where) from None
    _check_loops(tree, where)
    for node in tree.find_all(nodes.Node):
        unfit = _RECURSIVE if isinstance(node, nodes.For) and node.recursive else _UNFIT.get(type(node))
        if unfit is not None:
            what, instead = unfit
            raise BadInput(
                f"{what} does not work in the templates of mails; {instead}",
                where=f"{where}, line {node.lineno}",
            )


def _check_loops(tree: nodes.Template, where: str) -> None:
    """Each loop goes round a limited number of times (see sandbox.py); so many of them, so deep, take no time."""
    loops = list(tree.find_all(nodes.For))
    if len(loops) > _MOST_LOOPS:
        raise BadInput(f"has more than {_MOST_LOOPS} loops", where=where)
    for loop in loops:
        if _depth(loop) > _DEEPEST_LOOP:
            raise BadInput(
                f"loops stand more than {_DEEPEST_LOOP} deep in one another",
                where=f"{where}, line {loop.lineno}",
            )


def _depth(loop: nodes.For) -> int:
    return 1 + max((_depth(inner) for inner in loop.find_all(nodes.For)), default=0)
