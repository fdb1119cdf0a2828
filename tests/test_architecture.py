"""The rule of the house, checked from the imports.

Faces (web, workers, cli) call flows; flows conduct the stages; stages never import one another; all stand
on models, which stand on core.
"""

from __future__ import annotations

import ast
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
STAGES = (
    "audience", "recommend", "copywriting", "compose", "delivery", "opentime", "insight", "sampleshop",
)  # fmt: skip
FACES = ("cli", "commands", "demo", "supervisor")
LONGEST_FILE = 400
MOST_FILES = 60
LONGEST_FUNCTION = 60


def modules() -> Iterator[tuple[str, Path, ast.Module]]:
    for package in ("campaigns", "workers", "web"):
        for path in sorted((ROOT / package).rglob("*.py")):
            if "versions" not in path.parts:
                name = ".".join(path.relative_to(ROOT).with_suffix("").parts)
                yield name, path, ast.parse(path.read_text(encoding="utf-8"))


MODULES = list(modules())


def imports_of(tree: ast.Module) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module


def room(module: str) -> str:
    """The room of the house that a module lies in."""
    parts = module.split(".")
    if parts[0] in ("web", "workers"):
        return parts[0]
    return parts[1] if len(parts) > 1 else "campaigns"


def allowed(room_: str) -> set[str]:
    core, models = {"core", "campaigns"}, {"core", "models", "campaigns"}
    if room_ == "core":
        return core
    if room_ == "models":
        return models
    if room_ in STAGES:
        return models | {room_}
    if room_ == "flows":
        return models | set(STAGES) | {"flows"}
    if room_ == "runtime":
        return models | set(STAGES) | {"flows", "runtime"}
    return models | set(STAGES) | {"flows", "runtime", "web", "workers", *FACES}


def test_no_room_is_so_full_that_nothing_is_found_in_it() -> None:
    rooms = Counter(path.parent.relative_to(ROOT).as_posix() for _, path, _ in MODULES)
    assert not {room_: files for room_, files in rooms.items() if files > MOST_FILES}


@pytest.mark.parametrize(("module", "path", "tree"), MODULES, ids=[name for name, _, _ in MODULES])
def test_imports_keep_to_the_floors(module: str, path: Path, tree: ast.Module) -> None:
    own = room(module)
    ours = {name for name in imports_of(tree) if name.split(".")[0] in ("campaigns", "web", "workers")}
    wrong = {name for name in ours if room(name) not in allowed(own)}
    assert not wrong, f"{module} ({own}) may not import {sorted(wrong)}"


@pytest.mark.parametrize(("module", "path", "tree"), MODULES, ids=[name for name, _, _ in MODULES])
def test_the_engine_knows_neither_flask_nor_celery(module: str, path: Path, tree: ast.Module) -> None:
    if module.startswith("campaigns."):
        roots = {name.split(".")[0] for name in imports_of(tree)}
        assert not roots & {"flask", "celery", "kombu", "werkzeug"}


def test_only_settings_reads_the_environment() -> None:
    # The supervisor hands the environment on to its children and reads no setting from it.
    excused = {"campaigns.core.settings", "campaigns.supervisor"}
    readers = {
        module
        for module, _, tree in MODULES
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute) and node.attr in ("environ", "getenv") and module not in excused
    }
    assert not readers


def test_only_db_commits() -> None:
    committers = {
        module
        for module, _, tree in MODULES
        for node in ast.walk(tree)
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and node.func.attr == "commit"
        and module != "campaigns.core.db"
    }
    assert not committers


OUTSIDE = {
    "openai": {"campaigns.copywriting.model_client"},
    "smtplib": {"campaigns.delivery.smtp"},
    "imaplib": {"campaigns.delivery.inbound.imap"},
    "aiosmtpd": {"campaigns.delivery.inbound.listener"},
    "maxminddb": {"campaigns.opentime.place.geo"},
}


@pytest.mark.parametrize("service", OUTSIDE)
def test_an_outside_service_is_touched_in_one_named_file(service: str) -> None:
    users = {m for m, _, tree in MODULES if service in {name.split(".")[0] for name in imports_of(tree)}}
    assert users == OUTSIDE[service]


@pytest.mark.parametrize(("module", "path", "tree"), MODULES, ids=[name for name, _, _ in MODULES])
def test_files_and_functions_stay_readable(module: str, path: Path, tree: ast.Module) -> None:
    assert path.name != "utils.py"
    assert len(path.read_text(encoding="utf-8").splitlines()) <= LONGEST_FILE
    long = [
        f"{node.name} ({node.end_lineno - node.lineno + 1} lines)"
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef)
        and node.end_lineno is not None
        and node.end_lineno - node.lineno + 1 > LONGEST_FUNCTION
    ]
    assert not long


@pytest.mark.parametrize(("module", "path", "tree"), MODULES, ids=[name for name, _, _ in MODULES])
def test_every_file_says_what_it_is_for(module: str, path: Path, tree: ast.Module) -> None:
    assert ast.get_docstring(tree)
