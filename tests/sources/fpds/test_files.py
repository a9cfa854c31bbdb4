"""Reading the files in which people hold FPDS feeds: whole ones, broken ones, hostile ones, and large ones."""

from __future__ import annotations

import gzip
import os
import subprocess
import sys
import zipfile
from collections.abc import Sequence
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sources.base import Fetched, FileSource
from sources.errors import SourceChanged
from sources.fpds.contracts import Fpds
from sources.fpds.feed import MAX_ENTRY_SIZE, FeedLinks, NotAFeed, read_entries
from sources.records import Award, Payload, Problem, Removal
from tests.sources.scripted_server import Script, ScriptedServer
from tests.upstreams.fpds import Action, entry, feed, head

SOURCE = Fpds()
ROOT = Path(__file__).parents[3]
TWO = (Action(piid="P1"), Action(piid="P2", kind="IDV"))
DELETED_LINK = "https://www.fpds.gov/ezsearch/FEEDS/ATOM?s=FPDS&FEEDNAME=DELETED&VERSION=1.5.3&q=x&start=10"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "feed.xml"


def gathered(file: Path) -> tuple[list[Fetched], str]:
    """What a file gives, and the message it ends with, "" if it ends well."""
    items: list[Fetched] = []
    given_so_far = SOURCE.read_file(file)
    while True:
        try:
            items.append(next(given_so_far))
        except StopIteration:
            return items, ""
        except SourceChanged as error:
            return items, str(error)


def keys(items: Sequence[Fetched]) -> list[str]:
    assert all(isinstance(item, (Payload, Problem)) for item in items)
    return [item.key for item in items if isinstance(item, (Payload, Problem))]


KEYS_OF_TWO = ["CONT_AWD_P1_7012_-NONE-_-NONE-", "CONT_IDV_P2_7012"]


def test_the_source_reads_files() -> None:
    assert isinstance(SOURCE, FileSource)


def test_each_entry_is_a_payload_without_local_paths(file: Path) -> None:
    file.write_bytes(feed(*TWO))
    before = datetime.now(UTC)
    items, trouble = gathered(file)
    assert (keys(items), trouble) == (KEYS_OF_TWO, "")
    for item, action in zip(items, TWO, strict=True):
        assert isinstance(item, Payload)
        assert (item.source, item.revision) == ("fpds", "2024-05-07 10:11:12")
        (document,) = item.documents
        assert document.url.startswith("feed.xml https://www.fpds.gov/ezsearch/search.do?s=FPDS")
        assert document.url.endswith(f"&q={action.piid}+7012+")
        assert str(file.parent) not in document.url
        assert before <= document.retrieved_at <= datetime.now(UTC)
        assert b"<![CDATA[New " in document.body
        assert document.body.count(b"<entry") == 1
        assert isinstance(SOURCE.parse(item)[0], Award)


def test_evidence_does_not_depend_on_the_file(file: Path) -> None:
    file.write_bytes(feed(*TWO))
    first = gathered(file)[0][1]
    file.write_bytes(feed(Action(piid="P9"), TWO[1]) + feed(Action(piid="P8")))
    second = gathered(file)[0][1]
    assert isinstance(first, Payload)
    assert isinstance(second, Payload)
    assert first.documents[0].sha256 == second.documents[0].sha256


def test_a_feed_without_entries_is_accepted(file: Path) -> None:
    file.write_bytes(feed())
    assert gathered(file) == ([], "")


def test_an_entry_without_a_link_is_named_after_its_file(file: Path) -> None:
    whole = feed(TWO[0]).decode()
    start, end = whole.index("<link"), whole.index("</link>") + 7
    file.write_text(whole[:start] + whole[end:])
    (item,), _ = gathered(file)
    assert isinstance(item, Payload)
    assert item.documents[0].url == "feed.xml"


@pytest.mark.parametrize("between", [b"", b"\n", b"\r\n\r\n  ", b"\xef\xbb\xbf", b"\n\xef\xbb\xbf"])
def test_concatenated_feeds_are_read(file: Path, between: bytes) -> None:
    file.write_bytes(between.join([feed(TWO[0]), feed(), feed(TWO[1])]) + between)
    items, trouble = gathered(file)
    assert (keys(items), trouble) == (KEYS_OF_TWO, "")


def test_an_end_tag_within_text_does_not_end_the_feed(file: Path) -> None:
    whole = feed(*TWO).replace(b"<![CDATA[New ", b"<![CDATA[</feed> <feed> New ")
    file.write_bytes(whole)
    items, trouble = gathered(file)
    assert (keys(items), trouble) == (KEYS_OF_TWO, "")


def test_gzip_and_zip_files_are_recognized_by_content(tmp_path: Path) -> None:
    packed = tmp_path / "packed.dat"
    packed.write_bytes(gzip.compress(feed(TWO[0])) + gzip.compress(feed(TWO[1])))
    assert (keys(gathered(packed)[0]), gathered(packed)[1]) == (KEYS_OF_TWO, "")
    archive = tmp_path / "archive.dat"
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as target:
        target.writestr("pages/1.xml", feed(TWO[0]))
        target.writestr("pages/2.ATOM", feed(TWO[1]))
        target.writestr("read me.txt", "hello")
    items, trouble = gathered(archive)
    assert (keys(items), trouble) == ([*KEYS_OF_TWO, "archive.dat/read me.txt"], "")
    left_out = items[2]
    assert isinstance(left_out, Problem)
    assert left_out.reason == "left out: its name does not end in .xml or .atom"


def test_a_bad_archive_member_does_not_block_the_others(tmp_path: Path) -> None:
    archive = tmp_path / "a.zip"
    with zipfile.ZipFile(archive, "w") as target:
        target.writestr("1.xml", feed(TWO[0])[:-50])
        target.writestr("2.xml", feed(TWO[1]))
        target.writestr("3.xml", "<html/>")
    items, trouble = gathered(archive)
    assert keys(items)[-1] == KEYS_OF_TWO[1]
    assert trouble.startswith("fpds: a.zip/1.xml: it breaks off")
    assert trouble.endswith(" after 0 entries (and 1 more files in it)")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "not an ATOM feed: an empty body"),
        (b" \n ", "not an ATOM feed: an empty body"),
        (b"{}", "not an ATOM feed: {}"),
        (b"<!doctype html><html><body>Gone<br></html>", "not an ATOM feed: <!doctype html>"),
        (b"<html><body>Gone</body></html>", "not an ATOM feed: <html>"),
        (b"<feed><entry/></feed>", "not an ATOM feed: <feed>"),
        (b"<entry xmlns='http://www.w3.org/2005/Atom'/>", "not an ATOM feed: <entry"),
        (b"<rss><feed xmlns='http://www.w3.org/2005/Atom'><entry/></feed></rss>", "not an ATOM feed: <rss>"),
        (b"PK\x03\x04 nonsense", "damaged or cut off: BadZipFile"),
        (b"\x1f\x8b nonsense", "damaged or cut off: BadGzipFile"),
        (gzip.compress(feed(*TWO))[:-30], "damaged or cut off"),
        (b"\x00\xff\xfe\x00" * 100, "not an ATOM feed"),
        (b"a,b,c\n1,2,3\n" * 9999, "not an ATOM feed: a,b,c"),
    ],
)
def test_a_file_that_is_not_a_feed_is_refused_in_one_line(file: Path, content: bytes, message: str) -> None:
    file.write_bytes(content)
    items, trouble = gathered(file)
    assert [item for item in items if not isinstance(item, Payload)] == []
    assert trouble.startswith(f"fpds: feed.xml: {message}")
    assert "\n" not in trouble
    assert str(file.parent) not in trouble


def test_encrypted_and_empty_archives_are_refused(tmp_path: Path) -> None:
    archive = tmp_path / "a.zip"
    with zipfile.ZipFile(archive, "w") as target:
        target.writestr("1.xml", feed(TWO[0]))
    content = bytearray(archive.read_bytes())
    for signature, flags in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        content[content.index(signature) + flags] |= 1
    archive.write_bytes(content)
    assert "encrypted" in gathered(archive)[1]
    with zipfile.ZipFile(archive, "w"):
        pass
    assert gathered(archive)[1] == "fpds: a.zip: an archive with nothing in it"


def test_a_missing_file_is_an_operating_system_error(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        list(SOURCE.read_file(tmp_path / "none.xml"))


@pytest.mark.parametrize("lost", [5, 40, 800])
def test_entries_before_a_truncation_are_kept(file: Path, lost: int) -> None:
    whole = feed(*(Action(piid=f"P{number}") for number in range(50)))
    file.write_bytes(whole[:-lost])
    items, trouble = gathered(file)
    count = 50 if lost == 5 else 49
    assert len(items) == count
    assert trouble.startswith("fpds: feed.xml: it breaks off")
    assert trouble.endswith(f" after {count} entries")


def test_entries_before_malformed_xml_are_kept(file: Path) -> None:
    file.write_bytes(feed(*TWO).replace(b"</entry>\n</feed>", b"</entry>\n<entry><title>R&D</title></entry></feed>"))
    items, trouble = gathered(file)
    assert keys(items) == KEYS_OF_TWO
    assert "not well-formed (EntityRef" in trouble
    assert trouble.endswith(") after 2 entries")


def test_a_broken_entry_is_a_problem_and_later_entries_are_read(file: Path) -> None:
    broken = entry(Action()).replace("<ns1:PIID>70CTD024C00000001</ns1:PIID>", "")
    file.write_bytes((head("") + entry(TWO[0]) + "<entry/>" + broken + entry(TWO[1]) + "</feed>").encode())
    items, trouble = gathered(file)
    assert trouble == ""
    assert [type(item).__name__ for item in items] == ["Payload", "Problem", "Problem", "Payload"]
    problems = [item for item in items if isinstance(item, Problem)]
    assert [problem.reason for problem in problems] == [
        "neither an award, an IDV nor an other transaction but nothing",
        "piid is missing",
    ]
    assert len({problem.key for problem in problems}) == 2
    assert keys(items) == keys(gathered(file)[0]), "the same on every run"
    assert all(len(problem.documents) == 1 for problem in problems)


def test_one_feed_may_mix_versions_and_kinds(file: Path) -> None:
    kinds = ("award", "IDV", "OtherTransactionAward", "OtherTransactionIDV")
    actions = [Action(kind=kind, version=f"1.{minor}", piid=f"P{minor}") for minor in range(6) for kind in kinds]
    file.write_bytes(feed(*actions))
    items, trouble = gathered(file)
    records = [SOURCE.parse(item)[0] for item in items if isinstance(item, Payload)]
    assert trouble == ""
    assert len(records) == 24
    assert all(isinstance(record, Award) for record in records)


@pytest.mark.parametrize(
    ("name", "link", "deleted"),
    [("a.xml", DELETED_LINK, True), ("Deleted-2024.xml", "", True), ("a.xml", "", False)],
)
def test_entries_of_a_deleted_feed_are_removals(tmp_path: Path, name: str, link: str, deleted: bool) -> None:
    file = tmp_path / name
    file.write_bytes(feed(TWO[0], links=[("last", link)] if link else []))
    (item,), _ = gathered(file)
    assert isinstance(item, Payload)
    (record,) = SOURCE.parse(item)
    assert isinstance(record, Removal if deleted else Award)


def test_a_deleted_feed_does_not_affect_the_next_one(file: Path) -> None:
    file.write_bytes(feed(TWO[0], links=[("last", DELETED_LINK)]) + feed(TWO[1]))
    items, _ = gathered(file)
    records = [SOURCE.parse(item)[0] for item in items if isinstance(item, Payload)]
    assert [type(record) for record in records] == [Removal, Award]


LAUGHS = "".join(f'<!ENTITY l{n} "{f"&l{n - 1};" * 10 if n else "lol" * 100}">' for n in range(10))


@pytest.mark.parametrize(
    "declared",
    [
        f"<!DOCTYPE feed [{LAUGHS}]>",
        '<!DOCTYPE feed [<!ENTITY l9 SYSTEM "CANARY">]>',
        '<!DOCTYPE feed SYSTEM "CANARY">',
        '<!DOCTYPE feed [<!ENTITY % p SYSTEM "CANARY"> %p; <!ENTITY l9 "x">]>',
    ],
    ids=["laughs", "external entity", "external DTD", "parameter entity"],
)
@pytest.mark.parametrize("place", ["text", "attribute"])
@pytest.mark.parametrize("scheme", ["file", "http"])
def test_entities_are_not_expanded_or_fetched(tmp_path: Path, declared: str, place: str, scheme: str) -> None:
    canary = tmp_path / "canary.txt"
    canary.write_text("THE CANARY SANG")
    with ScriptedServer(Script()) as server:
        address = canary.as_uri() if scheme == "file" else f"{server.base_url}/canary"
        whole = feed(TWO[0]).decode().replace("<feed ", declared.replace("CANARY", address) + "<feed ")
        old, new = ("FACIAL", "&l9;") if place == "text" else ("<entry>", '<entry a="&l9;">')
        file = tmp_path / "feed.xml"
        file.write_text(whole.replace(old, new))
        items, trouble = gathered(file)
        assert server.requests == []
    assert items == []
    assert "it declares a document type" in trouble
    assert "CANARY SANG" not in trouble


def test_an_endless_entry_is_refused_in_bounded_memory(file: Path) -> None:
    with file.open("wb") as target:
        target.write((head("") + entry(TWO[0]) + "<entry>").encode())
        for _ in range(MAX_ENTRY_SIZE // 1_000_000 + 2):
            target.write(b"<a>0123456789</a>" * 60_000)
    items, trouble = gathered(file)
    assert keys(items) == KEYS_OF_TWO[:1]
    assert trouble == f"fpds: feed.xml: more than {MAX_ENTRY_SIZE} bytes without the end of an entry after 1 entries"


def test_a_gzip_bomb_is_refused_in_bounded_memory(tmp_path: Path) -> None:
    file = tmp_path / "bomb.gz"
    with gzip.open(file, "wb") as target:
        target.write(head("").encode())
        for _ in range(40):
            target.write(b" " * 1_000_000)
    assert "bytes without the end of an entry" in gathered(file)[1] or "not well-formed" in gathered(file)[1]


@pytest.mark.parametrize("depth", [300, 100_000])
def test_a_deeply_nested_entry_is_refused(file: Path, depth: int) -> None:
    file.write_bytes(
        (head("") + entry(TWO[0]) + "<entry>" + "<a>" * depth + "</a>" * depth + "</entry></feed>").encode()
    )
    items, trouble = gathered(file)
    assert keys(items) == KEYS_OF_TWO[:1]
    assert "not well-formed" in trouble


@settings(max_examples=60, deadline=None)
@given(cuts=st.lists(st.integers(0, 12_000), max_size=30), gap=st.sampled_from([b"", b"\n", b"\xef\xbb\xbf"]))
def test_chunk_boundaries_do_not_change_the_entries(cuts: list[int], gap: bytes) -> None:
    whole = feed(*TWO) + gap + feed(Action(kind="OtherTransactionIDV", piid="P3"))
    places = sorted({0, *(cut for cut in cuts if cut < len(whole)), len(whole)})
    blocks = [whole[start:end] for start, end in pairwise(places)]
    found = [entry.identity.piid for entry in read_entries(blocks, FeedLinks()) if entry.identity]
    assert found == ["P1", "P2", "P3"]


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_damaged_files_raise_only_documented_errors(data: st.DataObject) -> None:
    whole = bytearray(feed(*TWO))
    for _ in range(data.draw(st.integers(1, 6))):
        place = data.draw(st.integers(0, len(whole) - 1))
        whole[place : place + data.draw(st.integers(0, 40))] = data.draw(st.binary(max_size=8))
    try:
        entries = list(read_entries([bytes(whole)], FeedLinks()))
    except NotAFeed as error:
        assert "\n" not in str(error)
    else:
        assert all(entry.identity or entry.trouble for entry in entries)


READ_AND_MEASURE = """
import resource, sys
from pathlib import Path
from sources.fpds.contracts import Fpds
def peak(): return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
source, file = Fpds(), Path(sys.argv[1])
given = source.read_file(file)
for _ in range(200): next(given)
before = peak()
count = 200 + sum(1 for _ in given)
print(count, (peak() - before) * 1024)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="peak memory is measured as Linux tells it")
def test_a_large_file_is_read_in_bounded_memory(tmp_path: Path) -> None:
    file = tmp_path / "large.xml"
    one = entry(Action(), padding=f"<!-- {'x' * 15_000} -->").encode()
    count = 40_000_000 // len(one)
    with file.open("wb") as target:
        target.write(head("large").encode())
        for _ in range(count):
            target.write(one)
        target.write(b"</feed>")
    assert file.stat().st_size > 39_000_000
    command = [sys.executable, "-c", READ_AND_MEASURE, str(file)]
    done = subprocess.run(
        command, capture_output=True, text=True, check=True, cwd=ROOT, env={**os.environ, "PYTHONPATH": str(ROOT)}
    )
    read, grown = map(int, done.stdout.split())
    assert read == count
    assert grown < 4_000_000, f"{grown} bytes more at the end than after 200 entries"


def test_files_of_another_kind_in_an_archive_are_one_problem(tmp_path: Path) -> None:
    archive = tmp_path / "a.zip"
    with zipfile.ZipFile(archive, "w") as target:
        for number in range(3000):
            target.writestr(f"{number}.txt", "hello")
        target.writestr("1.xml", feed(TWO[0]))
    items, trouble = gathered(archive)
    assert (keys(items), trouble) == ([KEYS_OF_TWO[0], "a.zip/0.txt"], "")
    problem = items[1]
    assert isinstance(problem, Problem)
    assert problem.reason == ("left out: its name does not end in .xml or .atom, like those of 2999 more files in it")
