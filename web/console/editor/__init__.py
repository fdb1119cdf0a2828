"""The editor of campaigns: a straight path of steps, with everything saved as it is typed.

A step is a module here with a `blueprint` of a GET and a POST at `/campaigns/<number>/edit/<step>` (see
frame.py for what it calls), a template that extends `console/editor/step.html`, and a class in
`campaigns/flows/describing/draft_sections/` that the runtime lists (`DraftParts.draft_sections`).
"""

from __future__ import annotations

from flask import Blueprint

from web.console.editor import audience, begin, brief, check, experiment, picks, schedule, template

blueprint = Blueprint("editor", __name__)
for _pages in (begin, audience, picks, brief, template, schedule, experiment, check):
    blueprint.register_blueprint(_pages.blueprint)
