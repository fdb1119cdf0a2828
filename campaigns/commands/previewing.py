"""`tailormail campaign preview`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from campaigns.flows.previewing.viewing import Scene
from campaigns.opentime.drawing.pictures import EXTENSIONS
from campaigns.runtime import Runtime


def write_preview(
    runtime: Runtime, campaign_id: int, customer: str, scene: Scene, folder: Path
) -> dict[str, Any]:
    """Write mail.html, mail.txt, mail.eml, why.json and the pictures shown; returns what explains the mail.

    Raises:
        NotFound, BadInput: no such campaign, customer, place, weather or requester.
    """
    preview = runtime.viewing.preview(campaign_id, customer, scene)
    folder.mkdir(parents=True, exist_ok=True)
    html = preview.letter.rendered.html
    for name, picture in preview.pictures.items():
        file = folder / f"{name}.{EXTENSIONS[picture.media_type]}"
        file.write_bytes(picture.body)
        # The folder can be looked at without a server.
        html = html.replace(picture.url, file.name)
    explained = preview.explained()
    (folder / "mail.html").write_text(html, encoding="utf-8")
    (folder / "mail.txt").write_text(preview.letter.rendered.text, encoding="utf-8")
    (folder / "mail.eml").write_bytes(preview.letter.message)
    (folder / "why.json").write_text(json.dumps(explained, ensure_ascii=False, indent=2), encoding="utf-8")
    return {**explained, "folder": str(folder)}
