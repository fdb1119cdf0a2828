"""Names of people as a mail may show them: to themselves in a greeting, to a mail program beside the address."""

from __future__ import annotations

import re
from functools import lru_cache

from campaigns.core.characters import clean, is_number

LONGEST_NAME = 40
"""In characters; nobody is greeted by a longer one."""

# A web or mail address, or markup: nobody is called that.
_IS_NO_NAME = re.compile(r"://|www\.|@|\.[a-z]{2,}\b|<[a-z/!]", re.IGNORECASE)


@lru_cache(maxsize=8192)
def presentable_name(name: str) -> str:
    """The name as it may stand in a mail, "" if it should not: absent, overlong or somebody's advert.

    Names are typed by anybody into a form, and mail programs turn web addresses into links: a name that is one
    is the usual way to send spam through another's mails.
    """
    tidy = clean(name, LONGEST_NAME + 1)
    if len(tidy) > LONGEST_NAME or _IS_NO_NAME.search(tidy) or all(is_number(c) for c in tidy):
        return ""
    return tidy
