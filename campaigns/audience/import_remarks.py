"""What is worth saying of rows that land all the same: products whose picture no mail can show."""

from __future__ import annotations

from sqlalchemy import text

from campaigns.audience.import_merge import Staged
from campaigns.audience.import_rows import KEPT_ERRORS, ErrorList
from campaigns.audience.import_values import shown

_PATHS = "image_url <> '' and image_url !~* '^https?://'"


def no_picture(staged: Staged) -> ErrorList:
    """Staged products whose picture is a path and no web address, from which no mail can fetch it."""
    found = ErrorList()
    if "image_url" not in staged.names:
        return found
    statement = text(
        f"select line, image_url, count(*) over () from {staged.table} where {_PATHS} order by line limit :kept"
    )
    for line, path, count in staged.session.connection().execute(statement, {"kept": KEPT_ERRORS}):
        found.add(
            line,
            f"image_url {shown(path)} is no web address, so mails show this product without a picture; "
            "give one that begins with https://",
        )
        found.count = count
    return found
