"""What `procurewatch doctor` says of this machine, the database and the watchlist."""

from __future__ import annotations

import os
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from procurewatch.doctor import Finding, Result, examine, installation, machine
from procurewatch.doctor.findings import Redaction
from procurewatch.settings import Settings
from storage.database import open_database
from storage.writing.runs import load_checkpoints
from tests.procurewatch.doctor.fixtures import KEY, City, CityServer, cities, settings_at


def entries(*ids: str) -> str:
    """Return a watchlist of entries that share a CAGE code with one another, and with an entry that is shipped."""
    fields = "category: analytics, legal_names: [NAME], sources: ['https://example.org']"
    rows = [f"  - {{id: {each}, name: Acme {each}, {fields.replace('NAME', each)}, cages: [1URG6]}}" for each in ids]
    return "\n".join(["vendors:", *rows, ""])


def found_by(folder: Path, *, server: CityServer | None = None, **given: object) -> list[Finding]:
    """Return all that is found, with one source, at a server that answers if one is given."""
    address = server.base_url if server else "http://127.0.0.1:9"
    with cities(City()):
        return list(examine(settings_at(folder, address, **given), offline=server is None))


def of(findings: list[Finding], check: str) -> list[tuple[Result, str]]:
    """Return the results and texts of a check."""
    return [
        (finding.result, f"{finding.message} {finding.action}".strip())
        for finding in findings
        if finding.check == check
    ]


@pytest.mark.parametrize(
    ("variables", "check", "says"),
    [
        ({"NO_PROXY": "localhost,fd00::/8"}, "proxy", 'NO_PROXY holds "fd00::/8", which cannot be read. Remove it'),
        (
            {"ALL_PROXY": "socks5://proxy.example"},
            "proxy",
            "ALL_PROXY names a SOCKS proxy, which needs a package. Inst",
        ),
        ({"https_proxy": "gopher://u:hush@p.example"}, "proxy", "https_proxy is not a valid proxy address. Wr"),
        ({"HTTPS_PROXY": "http://p.example:80a"}, "proxy", "HTTPS_PROXY is not a valid proxy address. Write"),
        (
            {"SSL_CERT_FILE": "~/none.pem"},
            "certificates",
            "SSL_CERT_FILE points to ~/none.pem, which does not exist. P",
        ),
        ({"SSL_CERT_FILE": "~/empty.pem"}, "certificates", "SSL_CERT_FILE points to ~/empty.pem, which holds no cert"),
        ({"SSL_CERT_DIR": "~/none"}, "certificates", "SSL_CERT_DIR points to ~/none, which does not exist. Poi"),
    ],
)
def test_an_invalid_variable_is_named(
    variables: dict[str, str], check: str, says: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in machine.CERTIFICATES:
        monkeypatch.delenv(name, raising=False)
    (Path.home() / "empty.pem").touch()
    for name, value in variables.items():
        monkeypatch.setenv(name, value.replace("~", str(Path.home())))
    before = dict(os.environ)
    with CityServer() as server:
        found = found_by(tmp_path, server=server)
        assert server.requests == [], "no client can be made, so no source is asked"
    [(result, told)] = of(found, check)
    assert result is Result.PROBLEM
    assert told.startswith(says)
    assert "hush" not in repr(found)
    assert str(Path.home()) not in repr(found)
    assert of(found, "all sources") == [(Result.SKIPPED, "fix the proxy and certificate variables above first.")]
    assert dict(os.environ) == before


def test_valid_settings_are_shown_without_passwords(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in machine.CERTIFICATES:
        monkeypatch.delenv(name, raising=False)
    assert of(found_by(tmp_path), "proxy") == [(Result.OK, "No proxy is set.")]
    monkeypatch.setenv("NO_PROXY", "localhost")
    monkeypatch.setenv("HTTPS_PROXY", "me:hush@proxy.example:3128")
    monkeypatch.setenv("SSL_CERT_DIR", str(tmp_path))
    found = found_by(tmp_path)
    assert of(found, "proxy") == [(Result.OK, "HTTPS_PROXY is proxy.example:3128; NO_PROXY is localhost.")]
    assert of(found, "certificates") == [(Result.OK, "From SSL_CERT_DIR.")]


def test_a_read_only_folder_and_a_full_disk_are_problems(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").touch()
    elsewhere: dict[str, Any] = {"database_url": f"sqlite:///{tmp_path / 'other.sqlite3'}"}
    [(result, told)] = of(found_by(tmp_path / "file", **elsewhere), "disk")
    assert (result, told.startswith("The data folder ")) == (Result.PROBLEM, True)
    assert "cannot be written: File exists. Change its owner" in told
    assert of(found_by(tmp_path, **elsewhere), "disk")[0][0] is Result.OK
    for limit, expected in (("RECOMMENDED_SPACE", Result.WARNING), ("MIN_SPACE", Result.PROBLEM)):
        monkeypatch.setattr(machine, limit, 10**18)
        assert of(found_by(tmp_path, **elsewhere), "disk")[0][0] is expected


def test_databases_of_each_kind_pass(tmp_path: Path, database_url: str) -> None:
    found = found_by(tmp_path, database_url=database_url)
    [(result, told)] = of(found, "database")
    assert result is Result.OK
    assert "tables up to date" in told
    with closing(open_database(database_url)) as database, database.reading() as session:
        assert load_checkpoints(session, "doctor", "") == {}, "the trial is not kept"


def spoiled(file: Path) -> None:
    """Overwrite a page in the middle of a database."""
    with file.open("r+b") as opened:
        opened.seek(3 * 4096)
        opened.write(b"\xff" * 4096)


def of_another_version(file: Path) -> None:
    """Give a database the schema number of another version."""
    with closing(sqlite3.connect(file)) as database:
        database.execute("UPDATE alembic_version SET version_num = '9999'")
        database.commit()


@pytest.mark.parametrize(
    ("harm", "says"),
    [
        (
            lambda file: file.write_bytes(b"no database at all" * 999),
            "file is not a database; if it was a database, it is damaged: run procurewatch db check",
        ),
        (spoiled, "The database is damaged: "),
        (
            of_another_version,
            "was made by another version of Procurewatch (schema 9999): open it with",
        ),
    ],
)
def test_an_unusable_database_is_one_line(harm: object, says: str, tmp_path: Path) -> None:
    file = Path.home() / "data" / "procurewatch.sqlite3"
    open_database(f"sqlite:///{file}").close()
    assert callable(harm)
    harm(file)
    with CityServer() as server:
        found = found_by(file.parent, server=server)
        assert server.asked == [], "what would be found could not be stored"
    [(result, told)] = of(found, "database")
    assert result is Result.PROBLEM
    assert says in told
    assert str(Path.home()) not in told
    assert of(found, "connection")[0][0] is Result.OK
    assert of(found, "all sources") == [(Result.SKIPPED, "fix the database first.")]


def test_a_read_only_database_is_one_line(tmp_path: Path) -> None:
    with closing(open_database(f"sqlite:///{tmp_path / 'procurewatch.sqlite3'}")) as database:
        with database.writing() as session:
            session.execute(
                text("CREATE TRIGGER full BEFORE INSERT ON checkpoint BEGIN SELECT RAISE(ABORT, 'full'); END")
            )
        [good, bad] = installation.check_database(database)
    assert (good.result, bad.result) == (Result.OK, Result.PROBLEM)
    assert bad.text == (
        "database: The database cannot be written: full. Check the file's permissions and the free space on its disk."
    )


@pytest.mark.parametrize("url", ["mysql://u:hush@h/n", "postgresql://u:hush@127.0.0.1:9/n", "what is hush"])
def test_an_invalid_database_url_is_one_line(url: str, tmp_path: Path) -> None:
    [(result, told)] = of(found_by(tmp_path, database_url=url), "database")
    assert result is Result.PROBLEM
    assert "hush" not in told


def test_the_watchlist_is_checked(tmp_path: Path) -> None:
    own = tmp_path / "watchlist.yaml"
    own.write_text(entries("acmeone"))
    told = of(found_by(tmp_path), "watchlist")
    assert [result for result, _ in told] == [Result.PROBLEM, Result.OK]
    assert told[0][1].startswith('acmeone: CAGE code "1URG6" is also one of')
    own.write_text("vendors: [")
    [(result, said)] = of(found_by(tmp_path), "watchlist")
    assert (result, "watchlist.yaml" in said) == (Result.PROBLEM, True)


def test_a_long_list_of_errors_is_truncated(tmp_path: Path) -> None:
    (tmp_path / "watchlist.yaml").write_text(entries(*(f"acme{letter}" for letter in "bcdefghijklmnopqrs")))
    told = of(found_by(tmp_path), "watchlist")
    assert len(told) == installation.MAX_SHOWN + 2
    assert told[-2][1] == "8 more. `procurewatch vendors check` lists all."


def test_the_origin_of_settings_is_reported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert of(found_by(tmp_path), "settings") == [(Result.OK, "No settings given; all have their defaults.")]
    file = Path.home() / "own.toml"
    file.write_text("poll_hours = 3\n")
    monkeypatch.setenv("PROCUREWATCH_CONFIG", str(file))
    monkeypatch.setenv("PROCUREWATCH_SOURCES__CITY__KEY", KEY)
    [(_, told)] = of(found_by(tmp_path), "settings")
    names = "PROCUREWATCH_CONFIG, PROCUREWATCH_SOURCES__CITY__KEY"
    assert told == f"Read from the file ~/own.toml and the variables {names}."


def test_findings_contain_no_secrets(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PROCUREWATCH_WEB_TOKEN", "token-in-a-variable")
    home = Path.home()
    settings = Settings.model_validate(
        {
            "database_url": "postgresql://u:hush@h/n",
            "web_token": "a-long-token",
            "sources": {"dod": {"key": " spaced-key\n"}},
        }
    )
    says = f"hush a-long-token spaced-key token-in-a-variable {home}/x, {home}. {home}er {home}.d http://u:pw@h/"
    safe = Redaction.of(settings)(Finding("s", "c", Result.OK, says, f"cd {home}"))
    assert safe.message == f"[secret] [secret] [secret] [secret] ~/x, ~. {home}er {home}.d http://h/"
    assert safe.action == "cd ~"


def test_the_root_folder_as_home_is_not_redacted() -> None:
    finding = Finding("s", "c", Result.OK, "/etc/x / y")
    assert Redaction([], Path("/"))(finding) == finding
