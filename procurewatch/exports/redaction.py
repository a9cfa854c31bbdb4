"""Remove the names of officials from raw evidence before it is published.

SAM.gov and FPDS name the officials who typed a contract action into the system. All other bytes stay as they are.
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


def remove_user_names(body: bytes) -> bytes:
    """Replace the values of `FIELDS` in JSON or XML; return the same bytes if there are none."""
    body = _JSON.sub(lambda found: found[1] + REMOVED + found[3] if found[2] else found[0], body)
    return _XML.sub(lambda found: found[1] + REMOVED + found[4] if found[3].strip() else found[0], body)
