"""Places inside JSON contents, and copies of the contents with another value at one of them."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Sequence
from functools import reduce
from operator import getitem
from typing import Any

Place = tuple[str | int, ...]

# Values that no field should hold, or not this one.
WRONG_VALUES: list[object] = [
    *(None, "", " ", "x", 7, -1.5, True, [], ["x"], {}, {"x": 1}, [[[]]], [None]),
    *("2016/06/24", "NaN", 10**30, "x" * 300),
]


def places(content: object, path: Place = ()) -> Iterator[Place]:
    """Return every place inside a JSON content, the outermost first."""
    if path:
        yield path
    inside = content.items() if isinstance(content, dict) else enumerate(content) if isinstance(content, list) else ()
    for name, value in inside:
        yield from places(value, (*path, name))


def altered(contents: Sequence[object], place: Place, value: object) -> list[Any]:
    """Return a copy of JSON contents with another value at a place; `...` removes what stands there."""
    changed = copy.deepcopy(list(contents))
    *path, last = place
    container: Any = reduce(getitem, path, changed)  # type: ignore[arg-type]
    if value is ...:
        del container[last]
    else:
        container[last] = value
    return changed
