"""The index of the site's search, which runs in the reader's browser. Pagefind (an extra) makes it from the pages."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import suppress
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory, TemporaryFile

from feeds.urls import SEARCH_INDEX
from procurewatch.static_site.inputs import digest_of
from procurewatch.static_site.manifest import SiteError, digest_file
from procurewatch.static_site.writing import SiteFile, Written

NOT_INSTALLED = "no search, which needs Pagefind (pip install 'procurewatch[site-search]')"
SLICE = 0.25  # seconds between two looks at whether to stop
# Of what Pagefind writes, the search page loads its interface; the others are interfaces of other kinds.
UNUSED = ("pagefind-component-ui", "pagefind-modular-ui", "pagefind-highlight")


def pagefind_command() -> list[str]:
    """Return the command that runs Pagefind; empty if it is not installed."""
    if find_spec("pagefind") and find_spec("pagefind_bin"):
        return [sys.executable, "-m", "pagefind"]
    found = shutil.which("pagefind")
    return [found] if found else []


def is_of_index(path: str) -> bool:
    """Return whether a path of the site is of its search index."""
    return path.startswith(f"{SEARCH_INDEX}/")


def index_files(folder: Path, pages: Written, is_stopping: Callable[[], bool]) -> Iterator[SiteFile]:
    """Yield the files of the index of the pages in a folder; none without Pagefind.

    Pagefind runs only if a page has changed since the index was made, or a file of the index was lost.

    Raises:
        SiteError: Pagefind failed, or the build is to stop.
    """
    command = pagefind_command()
    if not command:
        return
    contents = sorted((path, file.sha256) for path, file in pages.files.items() if path.endswith(".html"))
    inputs = digest_of(contents)
    known = {path: file for path, file in pages.files.items() if is_of_index(path)}
    if known and all(
        file.inputs == inputs and digest_file(folder / path) == file.sha256 for path, file in known.items()
    ):
        yield from (SiteFile(path, (folder / path).read_bytes, inputs) for path in known)
        return
    with TemporaryDirectory(prefix="procurewatch-") as temporary:
        made = Path(temporary) / SEARCH_INDEX
        _run([*command, "--site", str(folder), "--output-path", str(made), "--silent"], is_stopping)
        for file in sorted(made.rglob("*")):
            if file.is_file() and not file.name.startswith(UNUSED):
                yield SiteFile(f"{SEARCH_INDEX}/{file.relative_to(made).as_posix()}", file.read_bytes, inputs)


def _run(command: list[str], is_stopping: Callable[[], bool]) -> None:
    with (
        TemporaryFile() as said,
        subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=said, stderr=said) as pagefind,  # noqa: S603  our own
    ):
        while pagefind.poll() is None:
            if is_stopping():
                pagefind.kill()
                raise SiteError("stopped; the pages are written, but not the search index")
            with suppress(subprocess.TimeoutExpired):
                pagefind.wait(SLICE)
        if pagefind.returncode:
            said.seek(0)
            lines = said.read().decode("utf-8", "replace").strip().splitlines() or ["no message"]
            raise SiteError(f"the pages are written, but not the search index: Pagefind failed: {lines[-1]}")
