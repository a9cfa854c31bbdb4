"""Answers of SAM.gov's contract awards: read in bounded memory, byte for byte, or refused."""

from __future__ import annotations

import gzip
import io
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import zipfile
from pathlib import Path

import pytest

from sources.errors import SourceChanged
from sources.sam.contract_awards.json_stream import CHUNK, MAX_VALUE_LENGTH, RawRecord, RecordStream, unpacked
from tests.sources.fakes import Memory
from tests.sources.sam.contract_awards import RECORDS, fetched, piids, poll_steps, record
from tests.upstreams.sam_contract_awards import DOWNLOAD, Export, FakeSamContractAwards, wire
from tests.upstreams.server import Answer as HttpAnswer
from tests.upstreams.server import LoggedRequest

ROOT = Path(__file__).parents[3]
MANY = 100_000
MOST_MEMORY = 24 * 1024 * 1024

# A packed file holds the time it was packed, which no test may be named after.
NUMBERS = [str(number) for number in range(20)]


def answer(body: bytes) -> RecordStream:
    return RecordStream(io.BytesIO(body), "samawards", "GET /x")


def records(body: bytes) -> list[RawRecord]:
    return list(answer(body).records())


def test_each_record_keeps_its_bytes() -> None:
    one, two = b'{ "a" :\n 1.50, "b": "\xc3\xa9\xe2\x80\xa8" }', b'{"c":[{"d":"}]\\""}]}'
    body = b'\xef\xbb\xbf { "limit":"10", "awardSummary" : [' + one + b" ,\n" + two + b' ] , "totalRecords":"2" }\n'
    assert [found.body for found in records(body)] == [one, two]
    assert str(records(body)[0].fields["a"]) == "1.50"


@pytest.mark.parametrize("total", [b'"7"', b"7"])
@pytest.mark.parametrize("first", [True, False])
def test_the_count_may_stand_before_or_after_the_records(total: bytes, first: bool) -> None:
    members = [b'"totalRecords": ' + total, b'"awardSummary": []']
    found = answer(b"{" + b", ".join(members if first else members[::-1]) + b"}")
    assert list(found.records()) == []
    assert found.total == 7


def test_records_are_found_wherever_a_chunk_ends() -> None:
    for padding in range(CHUNK - 60, CHUNK + 5):
        body = b'{"totalRecords": 12345, "x": "' + b"y" * padding + b'", "awardSummary": [{"a": 1}, {"b": "\xc3\xa9"}]}'
        found = answer(body)
        assert [one.body for one in found.records()] == [b'{"a": 1}', b'{"b": "\xc3\xa9"}']
        assert found.total == 12345


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"   ",
        b"<html>Access Denied</html>",
        b"[]",
        b"{}",
        b'{"message": "x"}',
        b'{"awardSummary": null}',
        b'{"awardSummary": {}}',
        b'{"awardSummary": [1]}',
        b'{"awardSummary": [[]]}',
        b'{"awardSummary": [{}',
        b'{"awardSummary": [{}]',
        b'{"awardSummary": [{},]}',
        b'{"awardSummary": [{} {}]}',
        b'{"awardSummary": [{"a": NaN}]}',
        b'{"awardSummary": [{"a": 1e}]}',
        b'{"awardSummary": []} {"awardSummary": []}',
        b'{"awardSummary": [{"a": "\xff"}]}',
        b'{"awardSummary": [{"a": "\xc3',
        b'{1: 2, "awardSummary": []}',
        b'{"awardSummary": [' + b"[" * 200_000,
        b'{"awardSummary": [{"a": ' + b"[" * 200_000,
        b'{"awardSummary": [{"a": "' + b"x" * (MAX_VALUE_LENGTH + 2 * CHUNK),
        b"{" + b",".join(b'"m%d": 1' % number for number in range(100)) + b', "awardSummary": []}',
    ],
)
def test_an_invalid_response_is_a_changed_source(body: bytes) -> None:
    with pytest.raises(SourceChanged):
        records(body)


def test_records_before_a_syntax_error_are_read() -> None:
    given = []
    with pytest.raises(SourceChanged):
        for found in answer(b'{"awardSummary": [{"a": 1}, {"b": 2}, {"c"').records():
            given.append(found.body)  # noqa: PERF401
    assert given == [b'{"a": 1}', b'{"b": 2}']


@pytest.mark.parametrize("total", [b"null", b'"many"', b"true", b'"-1"', b"1.5"])
def test_an_invalid_count_is_a_changed_source(total: bytes) -> None:
    found = answer(b'{"awardSummary": [], "totalRecords": ' + total + b"}")
    assert list(found.records()) == []
    with pytest.raises(SourceChanged, match="totalRecords is no number"):
        _ = found.total


def zipped(**files: bytes) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return packed.getvalue()


WHOLE = b'{"awardSummary": [{"a": 1}], "totalRecords": "1"}'


@pytest.mark.parametrize("body", [WHOLE, zipped(a=WHOLE), gzip.compress(WHOLE)], ids=["plain", "zip", "gzip"])
def test_a_packed_file_is_unpacked(tmp_path: Path, body: bytes) -> None:
    file = tmp_path / "extract"
    file.write_bytes(body)
    with unpacked(file, "samawards", "GET /x") as stream:
        assert [found.body for found in RecordStream(stream, "samawards", "GET /x").records()] == [b'{"a": 1}']


@pytest.mark.parametrize(
    "body",
    [
        zipped(a=WHOLE, b=WHOLE),
        zipped(),
        zipped(a=WHOLE)[:40],
        zipped(a=WHOLE * 50).replace(b"PK\x03\x04\x14\x00\x00\x00", b"PK\x03\x04\x14\x00\x01\x00"),
        gzip.compress(WHOLE)[:-12],
        gzip.compress(WHOLE)[:10] + b"\xff" * 30,
        b"PK",
    ],
    ids=NUMBERS[:7],
)
def test_a_damaged_file_is_a_changed_source(tmp_path: Path, body: bytes) -> None:
    file = tmp_path / "extract"
    file.write_bytes(body)
    with pytest.raises(SourceChanged), unpacked(file, "samawards", "GET /x") as stream:
        list(RecordStream(stream, "samawards", "GET /x").records())


class Endless(FakeSamContractAwards):
    """Serves an extract of so many records without ever holding them."""

    def _file(self, _export: Export) -> HttpAnswer:
        return HttpAnswer(body=b"")

    def transmit(self, connection: socket.socket, answer: HttpAnswer) -> bool:
        if answer.body or answer.status != 200:
            return super().transmit(connection, answer)
        head = b'{"limit": "10", "offset": "null", "totalRecords": "%d", "awardSummary": [' % MANY
        one = wire(record("PIID-00000000", description="X" * 400))
        connection.sendall(answer.head(len(head) + MANY * (len(one) + 1) + 1) + head)
        for number in range(0, MANY, 100):
            block = (one.replace(b"00000000", b"%08d" % each) + b"," for each in range(number, number + 100))
            connection.sendall(b"".join(block) if number + 100 < MANY else b"".join(block)[:-1])
        connection.sendall(b"]}")
        return True


READ = """
import resource, sys
from tests.sources.fakes import Memory
from tests.sources.sam.contract_awards import SOURCE, client_of, poll_steps

def peak():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)

before, count, size = peak(), 0, 0
with client_of(sys.argv[1]) as client:
    for item in SOURCE.fetch(client, poll_steps()["modified"], Memory()):
        count, size = count + 1, size + len(item.documents[0].body)
print(count, size, peak() - before)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="Windows does not say how much memory a process has used at most")
def test_an_extract_of_a_hundred_thousand_records_is_read_in_bounded_memory() -> None:
    with Endless(RECORDS) as server:
        told = subprocess.check_output([sys.executable, "-c", READ, server.base_url], cwd=ROOT, timeout=250, text=True)
    count, size, grown = (int(number) for number in told.split())
    assert count == MANY
    assert size > 100 * 1024 * 1024
    assert grown < MOST_MEMORY


POLL = """
import json, sys
from pathlib import Path
from tests.sources.fakes import Memory
from tests.sources.sam.contract_awards import fetched, poll_steps

class OnDisk(Memory):
    def set_state(self, name, value, /):
        super().set_state(name, value)
        Path(sys.argv[2]).write_text(json.dumps(self.notes))

fetched(sys.argv[1], poll_steps()["modified"], OnDisk())
"""


class Hanging(FakeSamContractAwards):
    """Says when a download was asked for, and does not answer it."""

    def __init__(self) -> None:
        self.asked_for, self.hangs = threading.Event(), True
        super().__init__(RECORDS)

    def answer(self, request: LoggedRequest) -> HttpAnswer:
        if DOWNLOAD in request.path:
            self.asked_for.set()
        return super().answer(request)

    def transmit(self, connection: socket.socket, answer: HttpAnswer) -> bool:
        if self.hangs and self.asked_for.is_set():
            connection.recv(1)  # until the other side is gone
            return False
        return super().transmit(connection, answer)


def test_a_killed_run_does_not_submit_again(tmp_path: Path) -> None:
    notes = tmp_path / "notes.json"
    with Hanging() as server:
        process = subprocess.Popen([sys.executable, "-c", POLL, server.base_url, str(notes)], cwd=ROOT)
        try:
            assert server.asked_for.wait(60)
        finally:
            process.send_signal(getattr(signal, "SIGKILL", signal.SIGTERM))
            process.wait()
        assert process.returncode == -signal.SIGKILL or os.name == "nt"
        server.hangs = False
        memory = Memory(notes=json.loads(notes.read_text("utf-8")))
        assert len(piids(fetched(server.base_url, poll_steps()["modified"], memory))) == 2
        assert (len(server.submissions), len(server.asked(DOWNLOAD))) == (1, 2)
