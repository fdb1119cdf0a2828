"""A segment as a form: a tree of rows and groups in the names of its fields, and back.

Every field is named `<node>:<what>`. Nodes are "s" (the whole), "s.0", "s.1", "s.1.0" and so on:

    s:match         all, any, none (not any of them), some_not (not all of them)
    s.0:rule        the name of a rule, such as country
    s.0:is          yes or no (turned round)
    s.0:v.<key>     what was typed into a field of the rule; several where several are chosen
    s.1:match       a group within
    do              what a button asks for: add:<node>, group:<node>, remove:<node>, choose:<node>

Whatever is typed is kept as it was, valid or not, so that a page can show it again beside what is wrong.

    tree = read_builder(request.form)      # what was typed
    act(tree, request.form.get("do", ""))  # a button that adds or removes; True where it was one
    rules = tree.rules()                   # BadInput, with `problem` set at each row that is wrong
    tree = builder_of(rules)               # the other way
"""

from __future__ import annotations

import csv
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from werkzeug.datastructures import MultiDict

from campaigns.audience.segments import DEEPEST, MOST_RULES, REFERENCE, parse_segment
from campaigns.core.errors import BadInput
from web.console.segment_fields import RULES, WHOLE, RuleField, RuleForm

ROOT = "s"
MATCHES = {
    "all": "all of these hold",
    "any": "at least one of these holds",
    "none": "none of these holds",
    "some_not": "not all of these hold",
}
"""How the rows of a group are combined, in words after "Customers for whom"."""

_NODE = re.compile(r"s(?:\.\d{1,3}){0,12}")
_FIRST_RULE = "country"

Form = MultiDict[str, str]
"""What was typed into a form."""


@dataclass(slots=True)
class Row:
    """One rule; `typed` is {field key: what was typed}, `problem` what is wrong with it and `at` which field."""

    rule: str = _FIRST_RULE
    turned: bool = False
    typed: dict[str, list[str]] = field(default_factory=dict)
    problem: str = ""
    at: str = ""

    @property
    def form(self) -> RuleForm | None:
        """What the rule looks like in a form; None where nothing is chosen."""
        return RULES.get(self.rule)

    def value(self, key: str) -> str:
        """What was typed into a field with one value."""
        return (self.typed.get(key) or [""])[0]

    def rules(self) -> dict[str, Any]:
        """As JSON.

        Raises:
            BadInput: a field cannot be read; `problem` and `at` are set.
        """
        self.problem = self.at = ""
        try:
            rule = {self.rule: self._read()}
            if self.rule != REFERENCE:
                parse_segment(rule)
        except BadInput as error:
            self._note(error)
            raise
        return {"not": rule} if self.turned else rule

    def _read(self) -> Any:
        form = self.form
        if form is None:
            raise BadInput("choose what this rule is about", "rule")
        read = {one.key: _read(one, self.typed.get(one.key, [])) for one in form.fields}
        if self.rule == "has_address":
            return True
        if WHOLE not in read:
            return {key: value for key, value in read.items() if value is not None}
        if read[WHOLE] is None:
            raise BadInput("fill this in, or remove the rule", WHOLE)
        return read[WHOLE]

    def _note(self, error: BadInput) -> None:
        words = error.message.removeprefix(f"{error.where}: ")
        # Paths are such as segment.bought.within_days or segment.country[0]; fields read here are a key.
        last = re.sub(r"\[\d+\]$", "", error.where.rpartition(".")[2])
        keys = [one.key for one in self.form.fields] if self.form else []
        self.at = last if last in keys else WHOLE if WHOLE in keys else ""
        label = next((one.label for one in (self.form.fields if self.form else ()) if one.key == self.at), "")
        self.problem = f"{label}: {words}" if label else _in_labels(words)


@dataclass(slots=True)
class Group:
    """Rows, and groups within; an empty one stands for everybody."""

    match: str = "all"
    parts: list[Row | Group] = field(default_factory=list)
    problem: str = ""

    def rules(self) -> dict[str, Any]:
        """As JSON that `parse_segment` reads; all rows are looked at, so that each says what is wrong with it.

        Raises:
            BadInput: the first thing that is wrong.
        """
        self.problem = ""
        told: list[dict[str, Any]] = []
        wrong: list[BadInput] = []
        for part in self.parts:
            try:
                told.append(part.rules())
            except BadInput as error:
                wrong.append(error)
        if wrong:
            raise wrong[0]
        return _combined(self.match, told)

    def ready_rules(self) -> tuple[dict[str, Any] | None, int]:
        """The rules of the rows that are ready, and how many are not: what can be counted while somebody types.

        None where there are rows and none of them is ready.
        """
        told: list[dict[str, Any]] = []
        missing = 0
        for part in self.parts:
            if isinstance(part, Group):
                rules, without = part.ready_rules()
                missing += without
                if rules is not None:
                    told.append(rules)
                continue
            try:
                told.append(part.rules())
            except BadInput:
                missing += 1
        return (None if missing and not told else _combined(self.match, told)), missing

    def all_parts(self, node: str = ROOT) -> Iterable[tuple[str, Row | Group]]:
        """Every row and group with the name of its node, this one first."""
        yield node, self
        for number, part in enumerate(self.parts):
            name = f"{node}.{number}"
            if isinstance(part, Group):
                yield from part.all_parts(name)
            else:
                yield name, part

    def problems(self) -> list[tuple[str, str]]:
        """(node, what is wrong) of all rows that `rules` found wrong."""
        return [(node, part.problem) for node, part in self.all_parts() if part.problem]


def rules_from_form(form: Form) -> dict[str, Any]:
    """The rules that a form says.

    Raises:
        BadInput: one of them is wrong.
    """
    return read_builder(form).rules()


def form_of(rules: Mapping[str, Any]) -> Group:
    """The form that says these rules."""
    return builder_of(rules)


def read_builder(form: Form) -> Group:
    """What was typed, whatever it is; what is no field of a builder is left out."""
    nodes = sorted({node for key in form if (node := _node_of(key))}, key=_order)
    root = Group(_match(form, ROOT))
    groups: dict[str, Group] = {ROOT: root}
    for node in nodes[:MOST_RULES]:
        parent = groups.get(node.rpartition(".")[0])
        if parent is None:
            continue
        if f"{node}:match" in form:
            groups[node] = Group(_match(form, node))
            parent.parts.append(groups[node])
        else:
            parent.parts.append(_row(form, node))
    return root


def builder_of(rules: Mapping[str, Any]) -> Group:
    """The form that says these rules; they have been parsed before."""
    match, parts = _apart(rules)
    if match is None:
        return Group("all", [_part(rules)] if rules else [])
    return Group(match, [_part(part) for part in parts])


def act(tree: Group, do: str) -> bool:
    """Do what a button of the builder asks for; False where it asks for something else, such as saving."""
    verb, _, node = do.partition(":")
    if verb not in ("add", "group", "remove", "choose"):
        return False
    by_node = dict(tree.all_parts())
    part = by_node.get(node)
    if verb in ("add", "group") and isinstance(part, Group) and len(by_node) < MOST_RULES:
        deep = node.count(".") + 2
        if verb == "add":
            part.parts.append(Row())
        elif deep < DEEPEST // 2:
            part.parts.append(Group("any", [Row()]))
    elif verb == "remove" and part is not None and node != ROOT:
        parent = by_node[node.rpartition(".")[0]]
        assert isinstance(parent, Group)
        parent.parts = [one for one in parent.parts if one is not part]
    return True


def _node_of(key: str) -> str:
    node, colon, what = key.partition(":")
    return node if colon and what in ("rule", "match") and node != ROOT and _NODE.fullmatch(node) else ""


def _order(node: str) -> tuple[int, ...]:
    return tuple(int(number) for number in node.split(".")[1:])


def _match(form: Form, node: str) -> str:
    match = form.get(f"{node}:match", "all")
    return match if match in MATCHES else "all"


def _row(form: Form, node: str) -> Row:
    rule = form.get(f"{node}:rule", "")
    prefix = f"{node}:v."
    typed = {key.removeprefix(prefix): form.getlist(key) for key in form if key.startswith(prefix)}
    turned = form.get(f"{node}:is", "yes") == "no" and rule in RULES and bool(RULES[rule].no)
    return Row(rule, turned, typed)


def _combined(match: str, told: list[dict[str, Any]]) -> dict[str, Any]:
    if not told:
        return {} if match in ("all", "any") else {"not": {}}
    if match in ("all", "any"):
        return told[0] if len(told) == 1 else {match: told}
    inner = told[0] if len(told) == 1 else {"any" if match == "none" else "all": told}
    return {"not": inner}


def _apart(rules: Mapping[str, Any]) -> tuple[str | None, Sequence[Mapping[str, Any]]]:
    """(how it combines, what); None where it is one rule."""
    for name in ("all", "any"):
        if name in rules:
            return name, rules[name]
    inner = rules.get("not")
    if isinstance(inner, Mapping):
        if "any" in inner:
            return "none", inner["any"]
        if "all" in inner:
            return "some_not", inner["all"]
        if not inner:
            return "none", []
        if "not" in inner:
            return "none", [inner]
        [name] = inner
        if name not in RULES or not RULES[name].no:
            return "none", [inner]
    return None, []


def _part(rules: Mapping[str, Any]) -> Row | Group:
    match, parts = _apart(rules)
    if match is not None:
        return Group(match, [_part(part) for part in parts])
    if not rules:
        return Group("all")
    turned = "not" in rules
    [(name, value)] = (rules["not"] if turned else rules).items()
    if name == "has_address" and value is False:
        turned = not turned
    form = RULES[name]
    whole = not isinstance(value, Mapping)
    values = {WHOLE: value} if whole else dict(value)
    return Row(name, turned, {one.key: _typed(one, values.get(one.key)) for one in form.fields})


def _typed(one: RuleField, value: Any) -> list[str]:
    """What somebody would have typed for this value."""
    if value is None:
        return []
    items = value if isinstance(value, list) else [value]
    if one.kind == "words":
        return [", ".join(quoted(str(item)) for item in items)]
    return [str(item) for item in items]


def quoted(word: str) -> str:
    plain = not any(mark in word for mark in ',"\n\r') and word == word.strip()
    return word if plain else '"' + word.replace('"', '""') + '"'


def _read(one: RuleField, typed: list[str]) -> Any:
    """The value of a field; None where nothing was typed."""
    first = typed[0].strip() if typed else ""
    if one.kind == "words":
        return split(",".join(typed)) or None
    if one.kind in ("choices", "numbers"):
        chosen = [item.strip() for item in typed if item.strip()]
        return ([_number(one, item) for item in chosen] if one.kind == "numbers" else chosen) or None
    if not first:
        return None
    if one.kind == "number":
        return _number(one, first)
    if one.kind in ("money", "degrees"):
        return _decimal(one, first)
    return first


def split(text: str) -> list[str]:
    """Words with commas or line ends between them; one that has a comma itself stands in quotes."""
    lines = text.replace("\r", "\n").split("\n")
    rows = csv.reader([line for line in lines if line.strip()], skipinitialspace=True)
    return [word.strip() for row in rows for word in row if word.strip()]


def _number(one: RuleField, text: str) -> int:
    bare = text.replace(" ", "").replace("\u00a0", "")
    if not re.fullmatch(r"-?\d{1,18}", bare, re.ASCII):
        raise BadInput("must be a whole number, such as 30", one.key)
    return int(bare)


def _decimal(one: RuleField, text: str) -> float | int:
    bare = text.replace(" ", "").replace("\u00a0", "")
    if not re.fullmatch(r"-?\d{1,15}(?:[.,]\d{1,9})?", bare, re.ASCII):
        raise BadInput("must be a number, such as 49.90", one.key)
    number = float(bare.replace(",", "."))
    return int(number) if number.is_integer() else number


def _in_labels(words: str) -> str:
    """A message about keys of JSON, in the words of the form."""
    for key, label in (
        ("within_days", "In the last"),
        ("more_than_days", "Longer ago than"),
        ("at_least", "At least"),
        ("at_most", "At most"),
        ("category", "Category"),
        ("sku", "Product"),
        ("after", "From this day on"),
        ("before", "Before this day"),
    ):
        words = re.sub(rf'"{key}"|\b{key}\b', f"“{label}”", words)
    return words
