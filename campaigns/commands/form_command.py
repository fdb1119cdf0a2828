"""`tailormail form`: sign-up forms."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from campaigns.commands.output import as_json, json_option, show_pairs, show_table

if TYPE_CHECKING:
    from campaigns.flows.customers.signup_form import SignupForm


@click.group()
def form() -> None:
    """Forms by which people sign up for mail, and confirm it (double opt-in)."""


@form.command()
@click.argument("file", type=click.Path(path_type=Path))
@json_option
def create(file: Path, json_: bool) -> None:
    """Make the form that a TOML file describes, or change the one of the same name."""
    from campaigns.commands.parts import connected
    from campaigns.flows.customers.signup_form import read_form_file

    # Faces stand beside each other; these are the words that the preference page says of each purpose.
    from web.public.words import purposes_in

    description = read_form_file(file)
    with connected() as runtime:
        saved = runtime.signup_forms.save(description, purposes_in)
        url = f"{runtime.settings.public_url}/s/{saved.name}"
    if json_:
        as_json(
            {
                "name": saved.name,
                "url": url,
                "created": saved.created,
                "new_wording": saved.new_wording,
                "versions": saved.versions,
            }
        )
        return
    what = "created" if saved.created else "changed"
    wording = "with new wording" if saved.new_wording else "with the same wording"
    click.echo(f"form {saved.name} {what}, {wording}: {url}")


@form.command(name="list")
@json_option
def list_(json_: bool) -> None:
    """All forms."""
    from campaigns.commands.parts import connected

    with connected() as runtime:
        found = [_shown(one, runtime.settings.public_url) for one in runtime.signup_forms.all()]
    if json_:
        as_json(found)
        return
    columns = ("name", "active", "languages", "purposes", "url")
    show_table(
        columns, [[", ".join(v) if isinstance(v := one[c], list) else v for c in columns] for one in found]
    )


@form.command()
@click.argument("name")
@json_option
def show(name: str, json_: bool) -> None:
    """One form, with every wording that it ever had."""
    from campaigns.commands.parts import connected

    with connected() as runtime:
        one = runtime.signup_forms.get(name)
        facts = _shown(one, runtime.settings.public_url)
    if json_:
        wordings = {version: said.to_json() for version, said in one.wordings.items()}
        as_json({**facts, "definition": one.file.model_dump(mode="json"), "wordings": wordings})
        return
    show_pairs(f"Form {name}", list(facts.items()))
    for version, said in one.wordings.items():
        now = "now" if version in one.current.values() else "before"
        words = {purpose: ". ".join(words) for purpose, words in said.purposes.items()}
        show_pairs(f"Wording {version} ({said.language}, {now})", [("title", said.title), *words.items()])


@form.command()
@click.argument("name")
@click.option("--language", default="", help="Default: the first one that it speaks.")
def embed(name: str, language: str) -> None:
    """Print the form as HTML for a page of the shop; it works without JavaScript."""
    from campaigns.commands.parts import connected
    from web.public.signup_embed import embedded_form

    with connected() as runtime:
        one = runtime.signup_forms.get(name)
        click.echo(embedded_form(one, language or one.languages[0], runtime.settings.public_url), nl=False)


@form.command()
@click.argument("name")
@json_option
def stop(name: str, json_: bool) -> None:
    """Take no more sign-ups by this form; who has asked already may still confirm."""
    from campaigns.commands.parts import connected

    with connected() as runtime:
        runtime.signup_forms.stop(name)
    as_json({"name": name, "active": False}) if json_ else click.echo(f"form {name} takes no more sign-ups")


def _shown(one: SignupForm, public_url: str) -> dict[str, Any]:
    return {
        "name": one.name,
        "active": one.active,
        "url": f"{public_url}/s/{one.name}",
        "sender": one.file.sender,
        "languages": list(one.languages),
        "purposes": list(one.file.purposes),
        "favourites": [*one.file.favourites.categories, *one.file.favourites.products],
        "confirm_hours": one.file.confirm_hours,
        "versions": dict(one.current),
    }
