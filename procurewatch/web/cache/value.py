"""What is worked out once for a state of what is published, and kept until that changes."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Generic, TypeVar

from sqlalchemy.orm import Session

from storage.reading.records import publication_state

Value = TypeVar("Value")


class Kept(Generic[Value]):
    """A value read from the database, read anew when what is published has changed. Safe to share between threads."""

    def __init__(self, read: Callable[[Session], Value]) -> None:
        self._read = read
        self._lock = threading.Lock()
        self._known: tuple[str, Value] | None = None

    def of(self, session: Session) -> Value:
        """Return the value for the state that a session sees."""
        state, _ = publication_state(session)
        with self._lock:
            if self._known is None or self._known[0] != state:
                self._known = (state, self._read(session))
            return self._known[1]
