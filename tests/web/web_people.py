"""Signing in to the console as whoever a test needs."""

from __future__ import annotations

import re

from flask import Flask
from flask.testing import FlaskClient
from web_story import PASSWORD, Story

from campaigns.models import Role


def signed_in_as(app: Flask, story: Story, name: str, role: Role) -> FlaskClient:
    """A client of somebody of this role, who is invited where there is nobody of this name."""
    people = story.runtime.people
    if name not in {one.name for one in people.list()}:
        _, link = people.invite(name, role, "a test")
        people.use_link(link.rpartition("/")[2], PASSWORD)
    client = app.test_client()
    assert log_in(client, name)[0] == 302
    return client


def log_in(
    client: FlaskClient, name: str, password: str = PASSWORD, path: str = "/console/login"
) -> tuple[int, str]:
    """Status and Location of an attempt."""
    form = {"name": name, "password": password, "csrf_token": csrf(client, path)}
    response = client.post(path, data=form)
    return response.status_code, response.headers.get("Location", "")


def csrf(client: FlaskClient, path: str) -> str:
    """The token of a page's form."""
    found = re.search(r'name="csrf_token"[^>]*value="([^"]+)"', client.get(path).get_data(as_text=True))
    assert found
    return found[1]


def press(client: FlaskClient, path: str, page: str = "/console/account", **fields: str) -> tuple[int, str]:
    """Status and page of a POST with the token of `page`."""
    response = client.post(path, data={"csrf_token": csrf(client, page), **fields}, follow_redirects=True)
    return response.status_code, response.get_data(as_text=True)


def filled(blank: re.Match[str]) -> str:
    """Something that fits a blank of a rule: a number, or the first of those that it takes."""
    if blank[1] == "any":
        return blank[2].split(",")[0].strip(" '\"")
    return "1" if blank[1] == "int" else "approve"
