"""Helpers of the website's tests."""

from __future__ import annotations

import re
from typing import Any

from httpx import Client
from lxml import html

TOKEN = "a-token-for-the-newsroom"  # noqa: S105  of the tests alone
CLEARVIEW = "/awards/CONT_AWD_70CMSD21P00000127_7012_-NONE-_-NONE-.html"


def tree_of(content: bytes) -> Any:
    """Return a page's element tree."""
    return html.fromstring(content)


def csrf(page: str) -> str:
    """Return the CSRF token of a page's forms."""
    found = re.search(r'name="csrf" value="([^"]+)"', page)
    assert found
    return found[1]


def sign_in(client: Client, name: str = "Ana") -> str:
    """Sign in; return the CSRF token."""
    answer = client.post("/review/sign-in", data={"name": name, "token": TOKEN})
    assert answer.status_code == 200, answer.text
    return csrf(answer.text)
