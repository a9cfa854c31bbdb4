"""Raw evidence as it may be handed out: without the names of officials that SAM.gov and FPDS send along.

Most are user names and say who typed a contract action into the system: nothing a reader needs, and not ours to
publish. All else stays byte for byte as it came.
"""

from __future__ import annotations

import re

REMOVED = b"[removed]"
FIELDS = (
    "createdBy",
    "lastModifiedBy",
    "modifiedBy",
    "approvedBy",
    "closedBy",
    "deletedBy",
    "updatedBy",
    "finalizedBy",
    "cotrName",
)

_NAMES = b"|".join(name.encode() for name in FIELDS)
_JSON = re.compile(rb'("(?:' + _NAMES + rb')"\s*:\s*")((?:[^"\\]|\\.)*)(")', re.IGNORECASE | re.DOTALL)
_XML = re.compile(
    rb"(<(?:[\w.-]+:)?(?P<name>" + _NAMES + rb")(?:\s[^<>]*)?>)([^<]*)(</(?:[\w.-]+:)?(?P=name)\s*>)", re.IGNORECASE
)


def without_user_names(body: bytes) -> bytes:
    """Return the bytes with the values of `FIELDS`, in JSON or XML, replaced; the same bytes when there are none."""
    body = _JSON.sub(lambda found: found[1] + REMOVED + found[3] if found[2] else found[0], body)
    return _XML.sub(lambda found: found[1] + REMOVED + found[4] if found[3].strip() else found[0], body)
