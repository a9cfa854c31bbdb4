"""Where a command writes a file: standard output, or a file that appears only when it is whole."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO


@contextmanager
def whole_output(file: Path | None) -> Iterator[BinaryIO]:
    """Give standard output, or a file that appears only when it is whole."""
    if file is None:
        yield sys.stdout.buffer
        return
    with whole_file(file) as temporary, temporary.open("wb") as out:
        yield out


@contextmanager
def whole_file(file: Path) -> Iterator[Path]:
    """Give the path of a file to make; it takes the place of `file` when nothing went wrong, or is removed."""
    temporary = file.with_name(f".{file.name}.{os.getpid()}.part")
    try:
        yield temporary
        temporary.replace(file)
    finally:
        temporary.unlink(missing_ok=True)
