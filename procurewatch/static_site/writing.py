"""Writes the files of a site: first those that have changed beside the old ones, then all of them into their places."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import structlog
from filelock import FileLock, Timeout
from sqlalchemy.exc import DBAPIError

from procurewatch.static_site.manifest import (
    Manifest,
    SiteError,
    WrittenFile,
    digest,
    digest_file,
    read_manifest,
    write_manifest,
)
from storage.maintenance.files import remove_unfinished, unfinished

LOCK = ".procurewatch-site.lock"
log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class SiteFile:
    """A file of the site. `build` returns its bytes.

    `inputs` is a digest of all it is built from: if that is the same as in the last build, the file is not built again.
    "" means that it always is. `is_indexed`: a page that search engines may list.
    """

    path: str
    build: Callable[[], bytes]
    inputs: str = ""
    is_indexed: bool = True


@dataclass(slots=True)
class Written:
    """What a build did: how many files it built, and the paths that are changed or new, removed, failed, or edited.

    `edited` are files that the site no longer has, but whose content is not what was written: they are not removed.
    `left_out` are the keys of records that could not be read. `files` are all that the site has now.
    """

    built: int = 0
    changed: list[str] = field(default_factory=list)
    removed: list[str] = field(default_factory=list)
    failed: list[str] = field(default_factory=list)
    edited: list[str] = field(default_factory=list)
    left_out: list[str] = field(default_factory=list)
    files: dict[str, WrittenFile] = field(default_factory=dict)


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Let no other build write into a folder. Raises `SiteError` if one does."""
    folder.mkdir(parents=True, exist_ok=True)
    lock = FileLock(folder / LOCK, timeout=0)
    try:
        lock.acquire()
    except Timeout:
        raise SiteError(f"another build is writing to {folder}; try again when it is done") from None
    try:
        remove_unfinished(folder.rglob(".*.part"))  # of a build that was killed
        yield
    finally:
        lock.release()


def write_files(
    files: Iterable[SiteFile], folder: Path, owns: Callable[[str], bool], is_stopping: Callable[[], bool] = bool
) -> Written:
    """Write files that have changed into a `locked` folder, and remove those of earlier builds that it has no more.

    Whenever the build is killed, the site is whole: all new content is complete before the first file is replaced, new
    files come before those that link to them, and files are removed last. A file that cannot be built stays as it was.

    Args:
        is_stopping: whether to end the build, before the next file.
        owns: whether a path is of the kind of files given, so that it is removed if it is not among them.

    Raises:
        OSError: the folder cannot be written.
        SiteError: it is not known what earlier builds wrote, or the build is to stop: the site is as it was.
        sqlalchemy.exc.DBAPIError: the database failed.
    """
    before, done = read_manifest(folder), Written()
    staged: list[tuple[Path, Path]] = []  # (new content, its place)
    try:
        for file in files:
            if is_stopping():
                raise SiteError("stopped; the site is as it was")
            _stage(file, folder, before, done, staged)
        done.files |= {path: known for path, known in before.files.items() if not owns(path)}
        old = before.files.keys() - done.files.keys()
        if staged or old or done.files != before.files:
            write_manifest(folder, done.files, before)
            for temporary, target in sorted(staged, key=lambda pair: pair[1].exists()):
                temporary.replace(target)
            _remove(folder, sorted(old), before, done)
            write_manifest(folder, done.files)
    finally:
        for temporary, _ in staged:
            temporary.unlink(missing_ok=True)
    return done


def _stage(file: SiteFile, folder: Path, before: Manifest, done: Written, staged: list[tuple[Path, Path]]) -> None:
    """Build a file if its inputs or its content have changed, and write it beside its place."""
    known, target = before.files.get(file.path), folder / file.path
    present = digest_file(target)
    if known and file.inputs and known.inputs == file.inputs and present == known.sha256:
        done.files[file.path] = known
        return
    done.built += 1
    try:
        content = file.build()
    except DBAPIError:
        raise
    except Exception:
        log.exception("file cannot be built", path=file.path)
        done.failed.append(file.path)
        if known:
            done.files[file.path] = WrittenFile(known.sha256, "")
        return
    done.files[file.path] = WrittenFile(digest(content), file.inputs)
    if present == done.files[file.path].sha256:
        return
    target.parent.mkdir(parents=True, exist_ok=True)
    staged.append((unfinished(target), target))
    staged[-1][0].write_bytes(content)
    done.changed.append(file.path)


def _remove(folder: Path, paths: Iterable[str], before: Manifest, done: Written) -> None:
    for path in paths:
        target = folder / path
        present = digest_file(target)
        if present and present not in before.hashes[path]:
            done.edited.append(path)
            done.files[path] = before.files[path]
            continue
        target.unlink(missing_ok=True)
        done.removed.append(path)
        for parent in list(target.relative_to(folder).parents)[:-1]:
            with suppress(OSError):  # it is not empty
                (folder / parent).rmdir()
