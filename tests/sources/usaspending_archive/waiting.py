"""Candidates whose process waits until it is killed."""

from __future__ import annotations

import os
import signal
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from sources.candidates import TextWords
from sources.usaspending_archive.scan import KnownAwards


@dataclass(frozen=True, slots=True, kw_only=True)
class Waiting(KnownAwards):
    """Candidates that wait in the first `deaths` processes that ask them, until these are killed."""

    text_words: TextWords | None = field(default_factory=TextWords)
    folder: Path
    deaths: int = 1

    def may_concern_name(self, _name: str, /) -> bool:
        for number in range(self.deaths):
            with suppress(FileExistsError), (self.folder / str(number)).open("x") as file:
                file.write(f"{os.getpid()}\n")
                file.flush()
                signal.pause()
        return False


class Killer:
    """Kills each process that waits (`Waiting`) while a result is awaited."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.killed: set[int] = set()

    def __call__(self, _rows: int) -> None:
        written = [file.read_text() for file in self._folder.iterdir()]
        for waiting in {int(text) for text in written if text.endswith("\n")} - self.killed:
            self.killed.add(waiting)
            os.kill(waiting, signal.SIGKILL)
