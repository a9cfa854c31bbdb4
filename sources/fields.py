"""Reading what an upstream sent: bytes to JSON, exact in its numbers."""

from __future__ import annotations

import json
from decimal import Decimal

from sources.errors import SourceChanged, excerpt
from sources.records import Document


def read_json(document: Document, source: str) -> dict[str, object]:
    """Return the JSON object of an answer, its fractions as `Decimal`.

    Raises:
        SourceChanged: it is not a JSON object (an HTML page, half an answer).
    """
    try:
        answer = json.loads(document.body, parse_float=Decimal, parse_constant=_no_constant)
    except (ValueError, ArithmeticError, RecursionError) as error:
        came_back = f"not JSON but {document.content_type or 'unnamed content'}: {excerpt(document.body)}"
        raise SourceChanged(source, document.url, came_back) from error
    if not isinstance(answer, dict):
        raise SourceChanged(source, document.url, f"not a JSON object: {excerpt(document.body)}")
    return answer


def _no_constant(name: str) -> object:
    raise ValueError(f"{name} is not JSON")
