"""Files that are larger than any form: taken from people who may send them, to the data folder, before anything is read.

A body is read when its CSRF token is looked for, which is before a view is reached. So who may send a large one is
asked earlier, here; everybody else's stays at the app's small limit.
"""

from __future__ import annotations

import tempfile
from typing import IO, Any, cast

from flask import request
from flask_login import current_user

from campaigns.core.errors import BadInput
from campaigns.models import Role
from web.parts import runtime
from web.security import CONSOLE_PATH

UPLOAD_PATH = f"{CONSOLE_PATH}/imports/"
_FORM_BYTES = 1_000_000


def admit_uploads() -> None:
    """Before anything else of a request: let somebody who may import send a large file to the one address for it.

    Raises:
        BadInput: it is larger than the setting allows; nothing of it was read.
    """
    if request.path != UPLOAD_PATH or request.method != "POST" or not _may_import():
        return
    megabytes = runtime().settings.import_megabytes
    most = megabytes * 1_000_000 + _FORM_BYTES
    if (request.content_length or 0) > most:
        raise BadInput(
            f"is {(request.content_length or 0) // 1_000_000:,} MB large, and at most {megabytes:,} MB are taken here. "
            "Compress it (.csv.gz), divide it, or use `tailormail import` on the server",
            "the file",
        )
    here = cast(Any, request)._get_current_object()
    here.max_content_length = most
    here._get_file_stream = _in_data_folder


def _may_import() -> bool:
    return bool(current_user.is_authenticated) and current_user.may(Role.AUTHOR)


def _in_data_folder(*_: Any, **__: Any) -> IO[bytes]:
    """Where Werkzeug puts a file while it comes in: a nameless one, gone when the request ends."""
    folder = runtime().settings.uploads
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    return cast(IO[bytes], tempfile.TemporaryFile("rb+", dir=folder))
