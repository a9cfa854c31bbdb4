"""Reading the files of a ZIP archive: from a file and from a stream, whole, cut off and damaged."""

from __future__ import annotations

import io
import random
import struct
import zipfile
import zlib
from pathlib import Path
from types import ModuleType

import pytest

from sources.usaspending_archive import members
from sources.usaspending_archive.members import DamagedMember, Member, csv_members, member_blocks, stream_members
from tests.sources.usaspending_archive.archives import write_zip

CONTENT = b"".join(b"%d,%d\n" % (number, random.Random(number).getrandbits(60)) for number in range(30_000))


@pytest.fixture(params=["isal", "zlib"], autouse=True)
def engine(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Inflate with each of the two libraries."""
    chosen: ModuleType = zlib if request.param == "zlib" else pytest.importorskip("isal.isal_zlib")
    monkeypatch.setattr(members, "inflater", chosen)


@pytest.fixture
def location(tmp_path: Path) -> str:
    return write_zip(tmp_path / "a.zip", {"a_1.csv": CONTENT, "notes.txt": b"x", "b.CSV": b"c,d\n"})


def whole(location: str, member: str = "a_1.csv") -> bytes:
    return b"".join(member_blocks(location, member))


def streamed(content: bytes) -> dict[str, bytes]:
    return {name: b"".join(blocks) for name, blocks in stream_members(io.BytesIO(content), "a.zip")}


def unseekable(content: dict[str, bytes]) -> bytes:
    """Return an archive whose writer stated sizes and checksums after each file, as one that cannot seek does."""

    class Pipe(io.RawIOBase):
        def __init__(self) -> None:
            self.written = bytearray()

        def writable(self) -> bool:
            return True

        def write(self, data: object, /) -> int:
            self.written += bytes(data)  # type: ignore[call-overload]
            return len(bytes(data))  # type: ignore[call-overload]

    pipe = Pipe()
    with zipfile.ZipFile(pipe, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in content.items():
            archive.writestr(name, data)
    return bytes(pipe.written)


def test_the_csv_files_of_an_archive_are_listed_with_their_sizes(location: str) -> None:
    assert [(member.name, member.size) for member in csv_members(location)] == [("a_1.csv", len(CONTENT)), ("b.CSV", 4)]


def test_a_file_is_inflated_whole(location: str) -> None:
    assert whole(location) == CONTENT
    assert whole(location, "b.CSV") == b"c,d\n"


def test_blocks_are_small_even_where_little_was_compressed_much(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(members, "MAX_BLOCK", 10_000)
    location = write_zip(tmp_path / "a.zip", {"a.csv": bytes(1_000_000)})
    blocks = list(member_blocks(location, "a.csv"))
    assert max(map(len, blocks)) <= 10_000
    assert b"".join(blocks) == bytes(1_000_000)


def test_a_stored_file_is_read(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "a.zip", "w", zipfile.ZIP_STORED) as archive:
        archive.writestr("a_1.csv", CONTENT)
    assert whole(str(tmp_path / "a.zip")) == CONTENT
    assert streamed((tmp_path / "a.zip").read_bytes()) == {"a_1.csv": CONTENT}


def test_a_large_archive_states_its_sizes_in_64_bits(tmp_path: Path) -> None:
    file = tmp_path / "a.zip"
    with (
        zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive,
        archive.open("a_1.csv", "w", force_zip64=True) as to,
    ):
        to.write(CONTENT)
    assert whole(str(file)) == CONTENT
    assert streamed(file.read_bytes()) == {"a_1.csv": CONTENT}


def test_a_stream_gives_each_csv_file_even_if_the_one_before_was_not_read(location: str) -> None:
    content = Path(location).read_bytes()
    assert streamed(content) == {"a_1.csv": CONTENT, "b.CSV": b"c,d\n"}
    assert [name for name, _blocks in stream_members(io.BytesIO(content), "a.zip")] == ["a_1.csv", "b.CSV"]


def test_a_stream_whose_sizes_come_after_each_file_is_read() -> None:
    content = unseekable({"a_1.csv": CONTENT, "b.csv": b"c,d\n"})
    assert streamed(content) == {"a_1.csv": CONTENT, "b.csv": b"c,d\n"}


def test_a_stream_whose_sizes_come_after_each_file_is_checked() -> None:
    content = unseekable({"a_1.csv": CONTENT})
    at = content.index(b"PK\x07\x08") + 4
    with pytest.raises(DamagedMember, match=r"a\.zip/a_1\.csv: damaged: its checksum does not fit"):
        streamed(content[:at] + bytes(4) + content[at + 4 :])


@pytest.mark.parametrize("part", [0.0, 0.3, 0.7, 0.999])
def test_a_stream_that_breaks_off_is_one_error(location: str, part: float) -> None:
    content = Path(location).read_bytes()
    with pytest.raises(DamagedMember, match=r"^archive: a\.zip(/a_1\.csv)?: cut off$"):
        streamed(content[: int(part * content.index(b"notes.txt"))])


def test_an_archive_that_is_cut_off_is_one_error(location: str) -> None:
    file = Path(location)
    file.write_bytes(file.read_bytes()[:-30])
    with pytest.raises(DamagedMember, match=r"^archive: a\.zip: no whole ZIP archive: "):
        csv_members(location)
    with pytest.raises(DamagedMember, match=r"^archive: a\.zip: no whole ZIP archive: "):
        whole(location)


@pytest.mark.parametrize("at", [0.1, 0.5, 0.9])
def test_damaged_data_is_one_error_that_names_the_file(location: str, at: float) -> None:
    file = Path(location)
    content = bytearray(file.read_bytes())
    place = int(at * content.index(b"notes.txt"))
    content[place : place + 8] = bytes(byte ^ 0x55 for byte in content[place : place + 8])
    file.write_bytes(content)
    with pytest.raises(DamagedMember, match=r"^archive: a\.zip/a_1\.csv: (damaged|cut off)"):
        whole(location)
    assert whole(location, "b.CSV") == b"c,d\n", "the other files can be read"


def test_a_wrong_checksum_is_damage(location: str) -> None:
    file = Path(location)
    content = file.read_bytes()
    file.write_bytes(content.replace(struct.pack("<I", zlib.crc32(CONTENT)), b"\1\2\3\4"))
    with pytest.raises(DamagedMember, match=r"a_1\.csv: damaged: its size or checksum does not fit"):
        whole(location)


def test_a_file_that_is_not_there_is_an_error(location: str) -> None:
    with pytest.raises(DamagedMember, match=r"a\.zip/c\.csv: no such file in the archive"):
        whole(location, "c.csv")


def test_a_part_of_an_archive_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "a.zip").write_bytes(b"PK\x03\x04")
    with pytest.raises(DamagedMember, match=r"^archive: a\.zip: no whole ZIP archive"):
        csv_members(str(tmp_path / "a.zip"))


@pytest.mark.parametrize("content", [b"", b"a,b\n1,2\n", b"<html>"])
def test_a_file_that_is_no_archive_is_one_csv_file(tmp_path: Path, content: bytes) -> None:
    location = str(tmp_path / "a.csv")
    Path(location).write_bytes(content)
    assert csv_members(location) == [Member(name="", size=len(content), compressed=len(content))]
    assert b"".join(member_blocks(location, "")) == content


@pytest.mark.parametrize("content", [b"", b"a,b\n", b"PK\x03\x04", b"<html>"])
def test_a_stream_that_is_no_archive_is_an_error(content: bytes) -> None:
    with pytest.raises(DamagedMember, match=r"^archive: a\.zip: (cut off|no ZIP archive)"):
        streamed(content)


def test_an_archive_without_csv_files_is_an_error(tmp_path: Path) -> None:
    location = write_zip(tmp_path / "a.zip", {"a.txt": b"x", "__MACOSX/a.csv": b"x"})
    with pytest.raises(DamagedMember, match="no CSV file in it"):
        csv_members(location)


def test_an_encrypted_or_oddly_compressed_file_is_an_error(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "a.zip", "w", zipfile.ZIP_BZIP2) as archive:
        archive.writestr("a_1.csv", CONTENT)
    with pytest.raises(DamagedMember, match="by a method that is not read: 12"):
        whole(str(tmp_path / "a.zip"))
    content = bytearray(Path(write_zip(tmp_path / "b.zip", {"a_1.csv": b"x"})).read_bytes())
    content[6] |= 1
    with pytest.raises(DamagedMember, match=r"^archive: a\.zip: encrypted"):
        streamed(bytes(content))


def test_an_archive_may_be_at_a_url(tmp_path: Path) -> None:
    location = write_zip(tmp_path / "a.zip", {"a_1.csv": b"a,b\n1,2\n"})
    url = Path(location).as_uri()
    assert csv_members(url) == csv_members(location)
    assert list(member_blocks(url, "a_1.csv")) == list(member_blocks(location, "a_1.csv"))
    with pytest.raises(FileNotFoundError):
        csv_members((tmp_path / "b.zip").as_uri())


def test_a_url_whose_library_is_missing_names_the_extra() -> None:
    with pytest.raises(DamagedMember, match=r'a\.zip: reading it needs the extra "cluster"'):
        csv_members("abfs://container/a.zip")
