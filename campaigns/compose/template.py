"""Templates: MJML compiled once when loaded, Jinja filled per customer, in a sandbox."""

from __future__ import annotations

import re
import tomllib
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from importlib import resources
from importlib.resources.abc import Traversable
from pathlib import Path
from string import Formatter
from typing import Any

import mrml
from jinja2 import Template, TemplateError

from campaigns.compose.compiling import compile_for_wire, compile_plain
from campaigns.compose.content import Brand, MailContent, date_text, language_of, one_line
from campaigns.compose.holes import only_chooses
from campaigns.compose.outline import Outlines, arranged
from campaigns.compose.sandbox import rendered
from campaigns.compose.statements import check_statements
from campaigns.core.errors import BadInput, NotFound
from campaigns.core.names import presentable_name

_FALLBACK = "en"
_FOLDER = re.compile(r"[a-z0-9][a-z0-9_-]*")
_BLANKS = {"name", "brand", "date"}
_STATEMENT = re.compile(r"\{%.*?%\}", re.DOTALL)
# What the expressions of a template can raise: a sum of words and numbers, a division by nothing, a missing entry.
_FAULTS = (TemplateError, TypeError, ValueError, ArithmeticError, LookupError, RecursionError)
# MJML would add a web font for each family that it knows: every open would be told to the font's host.
_RENDERING = mrml.RenderOptions(disable_comments=True, fonts={})
# Follows the preheader so that inboxes do not fill up the line with the words of the greeting.
_PREHEADER_PADDING = "\u034f\u200c\u00a0" * 50


# By language and key.
_Words = Mapping[str, Mapping[str, str]]


@dataclass(frozen=True, slots=True)
class RenderedMail:
    """One mail for one customer: the HTML and the text part."""

    html: str
    text: str


@dataclass(frozen=True, slots=True)
class WireMail:
    """The same two parts in quoted-printable, as `compose.quoted` writes it."""

    html: str
    text: str


@dataclass(frozen=True, slots=True)
class SlotSize:
    """Size in pixels of every picture of a slot."""

    width: int
    height: int


class MailTemplate:
    """A compiled template. Rendering is safe to call from several threads.

    `sources` are the Jinja sources of the HTML (MJML already compiled away) and of the text.

    Raises:
        BadInput: a source is not valid; the message names the file.
    """

    def __init__(self, folder: str, facts: Mapping[str, Any], sources: tuple[str, str]) -> None:
        self.name: str = facts["name"]
        self.description: str = facts["description"]
        self.slots: dict[str, SlotSize] = {
            slot: SlotSize(size["width"], size["height"]) for slot, size in facts.get("slots", {}).items()
        }
        self.folder = folder
        self._sources = sources
        self._html = compile_plain(sources[0], f"{folder}/mail.mjml.j2", html_escaping=True)
        self._text = compile_plain(sources[1], f"{folder}/mail.txt.j2", html_escaping=False)
        self._colours = {"colours": facts["colours"], "dark": facts["colours_dark"]}
        english = facts["words"][_FALLBACK]
        self._words: dict[str, dict[str, str]] = {
            language: {**english, **words} for language, words in facts["words"].items()
        }
        self._wire = lru_cache(maxsize=16)(self._compile_for_wire)
        self._outlines = lru_cache(maxsize=16)(self._make_outlines)
        self._may_be_traced = all(map(only_chooses, sources))

    @property
    def languages(self) -> tuple[str, ...]:
        """The languages the fixed words exist in."""
        return tuple(self._words)

    def render(self, content: MailContent) -> RenderedMail:
        """Fill the template for one customer.

        Raises:
            BadInput: the template asks for something that the content does not have.
        """
        values = self._values(content)
        try:
            return RenderedMail(rendered(self._html, values), rendered(self._text, values).strip() + "\n")
        except _FAULTS as error:
            raise BadInput(str(error), where=f"template {self.folder}") from error

    def render_for_wire(self, content: MailContent) -> WireMail:
        """The same, encoded as it goes into the message: much cheaper than encoding what `render` gives.

        Raises:
            BadInput: the template asks for something that the content does not have.
        """
        values = self._values(content)
        html, text = self._wire(values["language"], content.brand)
        try:
            return WireMail(rendered(html, values), rendered(text, values))
        except _FAULTS as error:
            raise BadInput(str(error), where=f"template {self.folder}") from error

    def fill_for_wire(self, content: MailContent) -> WireMail:
        """The same as `render_for_wire`, byte for byte, without running the template where its outline is known.

        For the many mails of a campaign: it is several times as fast.

        Raises:
            BadInput: the template asks for something that the content does not have.
        """
        if self._may_be_traced:
            language = self._language(content)
            outlines, own = self._outlines(language, content.brand)
            name, blanks = self._own_blanks(content, language)
            phrases = [phrase.format_map(blanks) for phrase in own]
            filled = outlines.filled(content, name, one_line(content.copy.subject), phrases)
            if filled is not None:
                return WireMail(*filled)
        return self.render_for_wire(content)

    def _make_outlines(self, language: str, brand: Brand) -> tuple[Outlines, list[str]]:
        """The outlines, and the phrases whose blanks are filled for each mail."""
        html, text = self._wire(language, brand)
        words = self._words[language]
        blanks = {"brand": brand.name}
        shared = {
            key: (phrase.format_map(blanks) if "{" in phrase else phrase)
            if _blanks_of(phrase) <= {"brand"}
            else None
            for key, phrase in words.items()
        }
        constants = {
            **self._colours,
            "language": language,
            "preheader_padding": _PREHEADER_PADDING,
            "brand": brand,
        }
        return Outlines(html, text, constants, shared), [words[key] for key in words if shared[key] is None]

    def _compile_for_wire(self, language: str, brand: Brand) -> tuple[Template, Template]:
        """HTML and text with all that mails in this language from this brand share prepared in them."""
        shared = {
            key: phrase.format_map({"brand": brand.name})
            for key, phrase in self._words[language].items()
            if _blanks_of(phrase) <= {"brand"}
        }
        constants: dict[str, str | Mapping[str, str]] = {
            **self._colours,
            "language": language,
            "preheader_padding": _PREHEADER_PADDING,
            "words": shared,
            "brand": {"name": brand.name, "site_url": brand.site_url, "postal_address": brand.postal_address},
        }
        html, text = self._sources
        return (
            compile_for_wire(html.rstrip() + "\n", constants, html_escaping=True),
            compile_for_wire(text.strip() + "\n", constants, html_escaping=False),
        )

    def _values(self, content: MailContent) -> dict[str, Any]:
        language = self._language(content)
        name, blanks = self._own_blanks(content, language)
        return {
            **self._colours,
            "language": language,
            "words": self._phrases(language, blanks),
            "subject": one_line(content.copy.subject),
            "preheader_padding": _PREHEADER_PADDING,
            "copy": content.copy,
            **arranged(content.picks),
            "personal": content.personal,
            "slots": content.slots,
            "links": content.links,
            "brand": content.brand,
            "first_name": name,
            "consent_since": content.consent_since,
            "open_pixel_url": content.open_pixel_url,
            "with_pixel": content.with_pixel,
        }

    def _language(self, content: MailContent) -> str:
        language = language_of(content.language)
        return language if language in self._words else _FALLBACK

    def _own_blanks(self, content: MailContent, language: str) -> tuple[str, dict[str, str]]:
        """The name in the greeting, and what the blanks of the fixed words stand for in this mail."""
        name = presentable_name(content.first_name)
        day = date_text(content.consent_since, language) if content.consent_since else ""
        return name, {"name": name, "brand": content.brand.name, "date": day}

    def _phrases(self, language: str, blanks: Mapping[str, str]) -> dict[str, str]:
        """The fixed words with their blanks filled."""
        return {
            key: phrase.format_map(blanks) if "{" in phrase else phrase
            for key, phrase in self._words[language].items()
        }


def load_template(name: str, root: Path | None = None) -> MailTemplate:
    """The template of folder `name` in `root` (by default the installed ones), compiled once.

    Raises:
        NotFound: there is no such folder, or a file of it is missing.
        BadInput: a file of it is not valid; the message names the file, and the line of a wrong statement.
    """
    return _load(name, root)


@lru_cache(maxsize=64)
def _load(name: str, root: Path | None) -> MailTemplate:
    if not _FOLDER.fullmatch(name):
        raise NotFound(f"there is no template {name!r}")
    shelf: Traversable = root if root is not None else resources.files("templates")
    folder = shelf.joinpath(name)
    facts = _read_facts(shelf, name)
    mjml, text = _read(folder, "mail.mjml.j2", name), _read(folder, "mail.txt.j2", name)
    check_statements(mjml, f"{name}/mail.mjml.j2")
    check_statements(text, f"{name}/mail.txt.j2")
    return MailTemplate(name, facts, (mjml_to_html(mjml, f"{name}/mail.mjml.j2"), text))


def _read(folder: Traversable, file: str, name: str) -> str:
    try:
        return folder.joinpath(file).read_text(encoding="utf-8")
    except (FileNotFoundError, NotADirectoryError):
        raise NotFound(f"there is no template {name!r} with a file {file}") from None


def _read_facts(shelf: Traversable, name: str) -> dict[str, Any]:
    where = f"{name}/template.toml"
    facts = _read_toml(shelf, name)
    if "words_from" in facts:
        facts["words"] = _with_words_of(shelf, str(facts["words_from"]), facts.get("words", {}), where)
    missing = [key for key in ("name", "description", "colours", "colours_dark", "words") if key not in facts]
    if missing or _FALLBACK not in facts["words"]:
        raise BadInput(f"missing: {', '.join(missing) or 'words.en'}", where=where)
    for language, words in facts["words"].items():
        for key, phrase in words.items():
            unknown = _blanks_of(phrase) - _BLANKS
            if unknown:
                raise BadInput(f"words.{language}.{key} has unknown blanks {sorted(unknown)}", where=where)
    return facts


def _read_toml(shelf: Traversable, name: str) -> dict[str, Any]:
    try:
        return tomllib.loads(_read(shelf.joinpath(name), "template.toml", name))
    except tomllib.TOMLDecodeError as error:
        raise BadInput(str(error), where=f"{name}/template.toml") from error


def _with_words_of(shelf: Traversable, other: str, own: _Words, where: str) -> _Words:
    """The words of another template, for each language with what this one says otherwise."""
    try:
        theirs: _Words = _read_toml(shelf, other).get("words", {}) if _FOLDER.fullmatch(other) else {}
    except NotFound:
        theirs = {}
    if not theirs:
        raise BadInput(f"words_from: there is no template {other!r} with words of its own", where=where)
    return {name: {**theirs.get(name, {}), **own.get(name, {})} for name in {**theirs, **own}}


def _blanks_of(phrase: str) -> set[str]:
    return {blank for _, blank, _, _ in Formatter().parse(phrase) if blank is not None}


def mjml_to_html(source: str, where: str) -> str:
    """MJML to HTML with its Jinja untouched; fails when MJML dropped or repeated a Jinja statement."""
    try:
        output = mrml.to_html(source, render_options=_RENDERING)
    except OSError as error:
        raise BadInput(f"not valid MJML: {error}", where=where) from error
    if output.warnings:
        found = ", ".join(f"{warning.kind} at {warning.start}" for warning in output.warnings)
        raise BadInput(f"not valid MJML: {found}", where=where)
    before, after = Counter(_STATEMENT.findall(source)), Counter(_STATEMENT.findall(output.content))
    if before != after:
        raise BadInput(f"MJML does not keep {sorted((before - after) + (after - before))}", where=where)
    return output.content
