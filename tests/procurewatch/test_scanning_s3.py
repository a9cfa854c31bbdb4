"""Archives in an S3-compatible store: a real server of its protocol (moto), read by other processes.

The libraries are not among the development dependencies: botocore needs an older python-dateutil than the program is
tested with. `pip install s3fs 'moto[s3,server]'`.
"""

from __future__ import annotations

import http.client
from pathlib import Path

import pytest

from procurewatch.archives.scanning import open_scans
from sources.usaspending_archive.members import csv_members
from sources.usaspending_archive.scan import KnownAwards
from sources.usaspending_archive.scanning import ScanJob, Scans
from tests.sources.usaspending_archive.archives import KEY, contract, contracts_csv, write_zip

pytest.importorskip("s3fs")
moto_server = pytest.importorskip("moto.server")


def test_archives_in_a_store_are_read_by_other_processes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    members = {f"a_{number}.csv": contracts_csv(*[contract()] * number) for number in range(1, 4)}
    local = write_zip(tmp_path / "a.zip", members)
    server = moto_server.ThreadedMotoServer("127.0.0.1", port=0)
    server.start()
    host, port = server.get_host_and_port()
    for name, value in {
        "AWS_ENDPOINT_URL": f"http://{host}:{port}",
        "AWS_ACCESS_KEY_ID": "key",
        "AWS_SECRET_ACCESS_KEY": "secret",
        "AWS_DEFAULT_REGION": "us-east-1",
    }.items():
        monkeypatch.setenv(name, value)
    client = http.client.HTTPConnection(host, port)
    for path, body in (("/archives", b""), ("/archives/a.zip", Path(local).read_bytes())):
        client.request("PUT", path, body, {"Host": f"{host}:{port}"})
        assert client.getresponse().read() is not None
    wanted = KnownAwards(award_keys=[KEY])
    url = "s3://archives/a.zip"
    jobs = [ScanJob(url, member.name) for member in csv_members(url)]
    with open_scans(workers=2) as scans:
        scans.expect(jobs)
        found = [scans.result(job, wanted).scan for job in jobs]
    assert found == [Scans().result(ScanJob(local, job.member), wanted).scan for job in jobs]
    with pytest.raises(FileNotFoundError):
        csv_members("s3://archives/b.zip")
    server.stop()
