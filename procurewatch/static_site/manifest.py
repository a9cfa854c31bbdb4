"""What builds have written into a folder, so that the next one can remove what it writes no more, and nothing else."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from storage.maintenance.files import whole_file

MANIFEST = ".procurewatch-site.jsonl"


class SiteError(Exception):
    """The folder of a site cannot be written. The message is one line."""


@dataclass(frozen=True, slots=True)
class WrittenFile:
    """A file of a site: the SHA-256 of its content, and a digest of what it was built from, "" if that is not known."""

    sha256: str
    inputs: str


@dataclass(slots=True)
class Manifest:
    """The files of a site by path. `hashes` are those that a path may have: a build that was killed leaves two."""

    files: dict[str, WrittenFile] = field(default_factory=dict)
    hashes: dict[str, set[str]] = field(default_factory=dict)

    def add(self, path: str, file: WrittenFile) -> None:
        """Add a file, or what a file is replaced by."""
        self.files[path] = file
        self.hashes.setdefault(path, set()).add(file.sha256)


def read_manifest(folder: Path) -> Manifest:
    """Return what was written into a folder before. Raises `SiteError` if that cannot be known."""
    manifest = Manifest()
    file = folder / MANIFEST
    if not file.exists():
        return manifest
    try:
        for line in file.read_text("utf-8").splitlines():
            path, sha256, inputs = json.loads(line)
            manifest.add(_checked(path), WrittenFile(sha256, inputs))
    except (ValueError, TypeError):
        message = f"{file} is damaged, so it is not known which files to remove; empty the folder and build again"
        raise SiteError(message) from None
    return manifest


def _checked(path: str) -> str:
    """Return a path within the folder. Raises `ValueError` for any other."""
    if PurePosixPath(path).is_absolute() or ".." in PurePosixPath(path).parts:
        raise ValueError(path)
    return path


def write_manifest(folder: Path, files: Mapping[str, WrittenFile], before: Manifest | None = None) -> None:
    """Write the manifest of a folder: its files, and while they are replaced, also those of `before`."""
    lines = [[path, sha256, ""] for path, hashes in before.hashes.items() for sha256 in hashes] if before else []
    lines += [[path, file.sha256, file.inputs] for path, file in sorted(files.items())]
    with whole_file(folder / MANIFEST) as temporary:
        temporary.write_text("".join(json.dumps(line) + "\n" for line in lines), "utf-8")


def digest_file(file: Path) -> str:
    """Return the SHA-256 of a file's content, "" if there is no such file."""
    try:
        return digest(file.read_bytes())
    except (FileNotFoundError, NotADirectoryError):
        return ""


def digest(content: bytes) -> str:
    """Return the SHA-256 of some bytes."""
    return hashlib.sha256(content).hexdigest()
