"""The sandbox in which templates run that marketers edit: a few filters, no calls into Python, and bounds on all.

Jinja's own sandbox keeps a template away from Python's inside. What it leaves are loops, and texts that double until
the memory is full: so every operation here that can make something large has a bound, and what is not needed to write
a mail does not exist. `statements.check_statements` refuses what can be told from the source alone.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from itertools import islice
from typing import Any

from jinja2 import StrictUndefined, Template, Undefined, nodes, pass_eval_context
from jinja2.filters import FILTERS
from jinja2.nodes import EvalContext
from jinja2.runtime import LoopContext, markup_join, str_join
from jinja2.sandbox import ImmutableSandboxedEnvironment, SecurityError
from jinja2.utils import Namespace
from jinja2.visitor import NodeTransformer

LONGEST_TEXT = 20_000
"""Characters that one expression may make; entries of a list likewise."""

MOST_ROUNDS = 100
"""Times that one loop goes round."""

MOST_PIECES = 10_000
LARGEST_OUTPUT = 1_000_000
"""Pieces that one rendering is put together of, and the characters of all: ten times what mail programs show."""

_LARGEST_NUMBER = 10**18
# Filters whose result is at most as large as what they are given, or a little more.
_HARMLESS = (
    "abs", "capitalize", "count", "d", "default", "e", "escape", "first", "float", "int", "items", "last", "length",
    "list", "lower", "map", "max", "min", "reject", "rejectattr", "reverse", "round", "select", "selectattr", "sort",
    "string", "striptags", "title", "trim", "truncate", "unique", "upper", "urlencode", "wordcount",
)  # fmt: skip
_JOINED, _ROUNDS, _WEIGHED = "joined there", "rounds there", "weighed there"  # no template can say such names
_OF_LOOPS, _OF_MAPPINGS = ("cycle", "changed"), ("get", "items", "keys", "values")


class TemplateSandbox(ImmutableSandboxedEnvironment):
    """The sandbox, remembering its verdicts: they depend on type and attribute alone, and a mail asks 90 times."""

    intercepted_binops = frozenset(["+", "*", "**", "%"])

    def __init__(self, *, html_escaping: bool, finalize: Callable[[Any], Any] | None = None) -> None:
        super().__init__(
            autoescape=html_escaping,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
            finalize=finalize,
            keep_trailing_newline=finalize is not None,
        )
        self._verdicts: dict[tuple[type, str], bool] = {}
        self.globals.clear()
        self.globals |= {"range": _range, "namespace": _namespace}
        self.filters = {name: FILTERS[name] for name in _HARMLESS}
        self.filters |= {
            "join": _join,
            "replace": _replace,
            _JOINED: _concatenate,
            _ROUNDS: _rounds,
            _WEIGHED: _weighed,
        }

    def template(self, tree: nodes.Template) -> Template:
        """The compiled template of a tree."""
        bounded: nodes.Template = _Bounds().visit(tree)
        bounded.set_environment(self)
        code = self.compile(bounded)
        return Template.from_code(self, code, self.globals)

    def getattr(self, obj: Any, attribute: str) -> Any:
        # Jinja looks at what it got as well, for the sake of `str.format`: plain text cannot be that.
        kind = type(obj)
        if kind is dict and not hasattr(dict, attribute):
            value = obj.get(attribute)
        elif self._verdicts.get((kind, attribute)):
            value = getattr(obj, attribute)
        else:
            value = None
        return value if type(value) is str else super().getattr(obj, attribute)

    def is_safe_attribute(self, obj: Any, attr: str, value: Any) -> bool:
        asked = type(obj), attr
        if asked not in self._verdicts:
            # No text hands out its methods: `format` and `center` make texts of any length.
            allowed = super().is_safe_attribute(obj, attr, value) and not isinstance(obj, (str, bytes))
            self._verdicts[asked] = allowed
        return self._verdicts[asked]

    def is_safe_callable(self, obj: Any) -> bool:
        """Only what this file gives, what tells rounds of a loop apart, and what reads a mapping."""
        if isinstance(obj, Undefined) or obj is _range or obj is _namespace:
            return True
        owner, name = getattr(obj, "__self__", None), getattr(obj, "__name__", "")
        if isinstance(owner, LoopContext):
            return name in _OF_LOOPS
        return isinstance(owner, Mapping) and name in _OF_MAPPINGS

    def call_binop(self, context: Any, operator: str, left: Any, right: Any) -> Any:
        if operator == "+" and isinstance(left, (str, list, tuple)) and isinstance(right, (str, list, tuple)):
            _refuse(len(left) + len(right) > LONGEST_TEXT, "this sum")
        elif not (_is_number(left) and _is_number(right)):
            raise SecurityError(f"{operator} is for numbers; join texts with ~")
        elif operator == "**":
            raise SecurityError("powers are not for templates")
        value = super().call_binop(context, operator, left, right)
        _refuse(_is_number(value) and abs(value) > _LARGEST_NUMBER, "this number")
        return _weighed(value)


def rendered(template: Template, values: dict[str, Any]) -> str:
    """What the template makes of these values.

    Raises:
        SecurityError: it is larger than any mail.
        TemplateError and what the expressions of a template raise.
    """
    # Not `render`, which leaves no chance to look before everything is joined.
    pieces = list(islice(template.root_render_func(template.new_context(values)), MOST_PIECES + 1))
    too_large = len(pieces) > MOST_PIECES or sum(map(len, pieces)) > LARGEST_OUTPUT
    _refuse(too_large, "this mail")
    return "".join(pieces)


class _Bounds(NodeTransformer):
    """Puts a bound around all joining of texts, around lists, and around what each loop goes through."""

    def visit_Concat(self, node: nodes.Concat, *args: Any, **kwargs: Any) -> nodes.Node:
        self.generic_visit(node)
        first, *rest = node.nodes
        return _bounded(first, _JOINED, *rest)

    def visit_For(self, node: nodes.For, *args: Any, **kwargs: Any) -> nodes.Node:
        self.generic_visit(node)
        node.iter = _bounded(node.iter, _ROUNDS)
        return node

    def visit_Assign(self, node: nodes.Assign, *args: Any, **kwargs: Any) -> nodes.Node:
        self.generic_visit(node)
        if isinstance(node.target, nodes.NSRef):
            node.node = _bounded(node.node, _WEIGHED)
        return node

    def visit_List(self, node: nodes.List, *args: Any, **kwargs: Any) -> nodes.Node:
        self.generic_visit(node)
        return _bounded(node, _WEIGHED)

    def visit_Dict(self, node: nodes.Dict, *args: Any, **kwargs: Any) -> nodes.Node:
        self.generic_visit(node)
        return _bounded(node, _WEIGHED)

    def visit_Tuple(self, node: nodes.Tuple, *args: Any, **kwargs: Any) -> nodes.Node:
        self.generic_visit(node)
        return _bounded(node, _WEIGHED) if node.ctx == "load" else node


def _bounded(node: nodes.Node, how: str, *arguments: nodes.Node) -> nodes.Filter:
    return nodes.Filter(node, how, list(arguments), [], None, None, lineno=node.lineno)


def _refuse(is_too_much: bool, what: str) -> None:
    if is_too_much:
        raise SecurityError(f"{what} is larger than a template may make it")


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _range(*bounds: int) -> range:
    made = range(*bounds)
    _refuse(len(made) > MOST_ROUNDS, "this range")
    return made


def _namespace(**values: Any) -> Namespace:
    return Namespace({name: _weighed(value) for name, value in values.items()})


def _weighed(made: Any) -> Any:
    """What a template made, if it is small when written out: lists within lists within lists explode."""
    _refuse(_weight(made) > LONGEST_TEXT, "this list")
    return made


def _weight(made: Any) -> int:
    """About the characters of a value when it is written out; parts were weighed when they were made."""
    if isinstance(made, str):
        return len(made)
    if isinstance(made, Namespace):
        raise SecurityError("a namespace cannot be kept in something else")
    if isinstance(made, Mapping):
        return sum(map(_weight, made)) + sum(map(_weight, made.values()))
    if isinstance(made, (list, tuple)):
        return sum(map(_weight, made)) + len(made)
    return 1


def _rounds(entries: Iterable[Any]) -> list[Any]:
    """What a loop goes through, looked at before the first round."""
    found = list(islice(iter(entries), MOST_ROUNDS + 1))
    _refuse(len(found) > MOST_ROUNDS, "this loop")
    return found


@pass_eval_context
def _concatenate(context: EvalContext, *parts: Any) -> Any:
    """What ~ does, bounded."""
    texts = [part if hasattr(part, "__html__") else str(part) for part in parts]
    _refuse(sum(map(len, texts)) > LONGEST_TEXT, "this text")
    return markup_join(texts) if context.autoescape else str_join(texts)


@pass_eval_context
def _join(context: EvalContext, entries: Iterable[Any], between: str = "") -> Any:
    """Jinja's `join` without `attribute`, bounded."""
    parts: list[Any] = []
    for entry in _rounds(entries):
        parts += [between, entry] if parts else [entry]
    return _concatenate(context, *parts)


@pass_eval_context
def _replace(context: EvalContext, text: Any, old: str, new: str) -> Any:
    """Jinja's `replace` without `count`, bounded."""
    old, new = str(old), str(new)
    _refuse(len(str(text)) + str(text).count(old) * len(new) > LONGEST_TEXT, "this text")
    return FILTERS["replace"](context, text, old, new)
