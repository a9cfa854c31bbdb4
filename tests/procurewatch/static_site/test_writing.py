"""How a site's files are written, removed, and mended after a build that was killed."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

from procurewatch.static_site.manifest import MANIFEST, SiteError
from procurewatch.static_site.writing import LOCK, SiteFile, Written, locked, write_files

OURS = {"index.html": b"home", "awards/a.html": b"award a", "awards/b.html": b"award b"}
OWN = {MANIFEST, LOCK}


def write(folder: Path, contents: Mapping[str, bytes], inputs: str = "") -> Written:
    files = [SiteFile(path, lambda body=body: body, inputs) for path, body in contents.items()]  # type: ignore[misc]
    with locked(folder):
        return write_files(files, folder, lambda _path: True)


def found_in(folder: Path) -> dict[str, bytes]:
    paths = {path.relative_to(folder).as_posix(): path for path in folder.rglob("*") if path.is_file()}
    return {name: path.read_bytes() for name, path in paths.items() if name not in OWN}


def test_a_file_that_is_no_longer_written_is_removed_with_its_folder_and_nothing_of_the_users(tmp_path: Path) -> None:
    (tmp_path / "awards").mkdir()
    (tmp_path / "CNAME").write_bytes(b"example.org")
    (tmp_path / "awards" / "mine.html").write_bytes(b"mine")
    write(tmp_path, {**OURS, "vendor/x.html": b"x"})
    done = write(tmp_path, {"index.html": b"home"})
    assert sorted(done.removed) == ["awards/a.html", "awards/b.html", "vendor/x.html"]
    assert found_in(tmp_path) == {"index.html": b"home", "CNAME": b"example.org", "awards/mine.html": b"mine"}
    assert not (tmp_path / "vendor").exists()


def test_a_file_that_somebody_changed_is_not_removed_and_named_each_time(tmp_path: Path) -> None:
    write(tmp_path, OURS)
    (tmp_path / "awards" / "a.html").write_bytes(b"my own words")
    for _ in range(2):
        done = write(tmp_path, {"index.html": b"home"})
        assert done.edited == ["awards/a.html"]
    assert found_in(tmp_path) == {"index.html": b"home", "awards/a.html": b"my own words"}


def test_only_files_with_other_inputs_or_another_content_are_built(tmp_path: Path) -> None:
    assert write(tmp_path, OURS, "1").built == 3
    assert write(tmp_path, OURS, "1").built == 0
    (tmp_path / "awards" / "a.html").write_bytes(b"cut of")
    (tmp_path / "awards" / "b.html").unlink()
    done = write(tmp_path, OURS, "1")
    assert (done.built, sorted(done.changed)) == (2, ["awards/a.html", "awards/b.html"])
    done = write(tmp_path, OURS, "2")
    assert (done.built, done.changed) == (3, [])
    assert found_in(tmp_path) == OURS


def test_what_a_killed_build_has_left_is_removed_by_the_next(tmp_path: Path) -> None:
    write(tmp_path, OURS)
    with subprocess.Popen([sys.executable, "-c", ""]) as killed:
        killed.wait()
    left_over = tmp_path / "awards" / f".x.html.{killed.pid}.part"
    running = tmp_path / "awards" / f".y.html.{os.getppid()}.part"
    for file in (left_over, running):
        file.write_bytes(b"half of a page")
    write(tmp_path, OURS)
    assert list(tmp_path.rglob(".*.part")) == [running]


class Killed(BaseException):
    """What stands for the end of the process."""


def test_a_build_killed_while_it_builds_changes_nothing(tmp_path: Path) -> None:
    write(tmp_path, OURS)

    def fail() -> bytes:
        raise Killed

    files = [SiteFile("index.html", lambda: b"new"), SiteFile("new.html", fail)]
    with pytest.raises(Killed), locked(tmp_path):
        write_files(files, tmp_path, lambda _path: True)
    assert found_in(tmp_path) == OURS


def kill_after(moved: int, patch: pytest.MonkeyPatch) -> None:
    """End the process when this many files are replaced or removed, before the next one."""
    replace, unlink, left = Path.replace, Path.unlink, iter(range(moved))

    def count(path: Path) -> None:
        if path.suffix == ".html" and next(left, None) is None:
            raise Killed

    def counted_replace(self: Path, target: Path) -> Path:
        count(target)
        return replace(self, target)

    def counted_unlink(self: Path, missing_ok: bool = False) -> None:
        count(self)
        unlink(self, missing_ok=missing_ok)

    patch.setattr(Path, "replace", counted_replace)
    patch.setattr(Path, "unlink", counted_unlink)


@pytest.mark.parametrize("moved", range(5))
def test_a_build_killed_between_two_files_leaves_no_dead_link_and_is_mended(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, moved: int
) -> None:
    """Each file names the files that it links to."""
    before = {"index.html": b"a.html b.html", "a.html": b"b.html", "b.html": b""}
    after = {"index.html": b"a.html c.html", "a.html": b"c.html", "c.html": b"d.html", "d.html": b"c.html"}
    write(tmp_path, before)
    with monkeypatch.context() as patch:
        kill_after(moved, patch)
        with pytest.raises(Killed):
            write(tmp_path, after)
    found = found_in(tmp_path)
    reached, left_to_see = set(), ["index.html"]
    while left_to_see:
        path = left_to_see.pop()
        assert path in found, (moved, path)
        if path not in reached:
            reached.add(path)
            left_to_see += found[path].decode().split()
    assert write(tmp_path, before).failed == []
    assert found_in(tmp_path) == before
    write(tmp_path, after)
    assert found_in(tmp_path) == after


def test_a_file_that_cannot_be_built_stays_as_it_was_and_is_tried_again(tmp_path: Path) -> None:
    write(tmp_path, OURS, "1")

    def fail() -> bytes:
        raise OverflowError("date value out of range")

    files = [SiteFile("index.html", lambda: b"new home", "2"), SiteFile("awards/a.html", fail, "2")]
    with locked(tmp_path):
        done = write_files(files, tmp_path, lambda _path: True)
    assert (done.failed, done.removed) == (["awards/a.html"], ["awards/b.html"])
    assert found_in(tmp_path) == {"index.html": b"new home", "awards/a.html": b"award a"}
    assert write(tmp_path, {"index.html": b"new home", "awards/a.html": b"new a"}, "2").changed == ["awards/a.html"]


def test_a_build_that_is_stopped_leaves_the_site_as_it_was(tmp_path: Path) -> None:
    write(tmp_path, OURS)
    asked = iter((False, True))
    files = [SiteFile(path, lambda: b"new") for path in OURS]
    with locked(tmp_path), pytest.raises(SiteError, match="stopped"):
        write_files(files, tmp_path, lambda _path: True, lambda: next(asked))
    assert found_in(tmp_path) == OURS


def test_two_builds_do_not_write_into_one_folder(tmp_path: Path) -> None:
    with locked(tmp_path), pytest.raises(SiteError, match="another build is writing to "):
        write(tmp_path, OURS)
    assert write(tmp_path, OURS).changed


@pytest.mark.parametrize("line", ["{", '["../../outside.html", "", ""]', '["/etc/passwd", "", ""]', "[1]", "\\ud800"])
def test_a_manifest_that_is_damaged_or_names_other_folders_is_refused(tmp_path: Path, line: str) -> None:
    write(tmp_path, OURS)
    (tmp_path / MANIFEST).write_text(line)
    with pytest.raises(SiteError, match="is damaged"):
        write(tmp_path, {"index.html": b"home"})
    assert found_in(tmp_path) == OURS
