"""Where providers tell what became of mail: no session, no page; a signature is the authority."""

from __future__ import annotations

from flask import Blueprint

from web.hooks import providers

BLUEPRINTS: tuple[Blueprint, ...] = (providers.blueprint,)
