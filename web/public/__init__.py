"""Pages that mails point to: no log-in, no cookie, and a signed token that grants one right."""

from __future__ import annotations

from flask import Blueprint

from web.public import calendar_feed, clicks, health, opens, own_data, preferences, signup, unsubscribe, view

BLUEPRINTS: tuple[Blueprint, ...] = (
    opens.blueprint,
    clicks.blueprint,
    unsubscribe.blueprint,
    preferences.blueprint,
    own_data.blueprint,
    signup.blueprint,
    view.blueprint,
    calendar_feed.blueprint,
    health.blueprint,
)
