"""`procurewatch sources` and the choice of sources by `poll`, in processes of their own."""

from __future__ import annotations

import json
from pathlib import Path

from sources.registry import SOURCES
from tests.commands import run
from tests.upstreams import sam_opportunities
from tests.upstreams.ai_inventory import FakeAiInventory
from tests.upstreams.sam_opportunities import SamOpportunities

HOURS = {"COLUMNS": "250"}


def asked(name: str, base_url: str, **more: str) -> dict[str, str]:
    """Return an environment in which a source is asked at an address."""
    prefix = f"PROCUREWATCH_SOURCES__{name.upper()}__"
    own = {"BASE_URL": base_url, "SECONDS_BETWEEN": "0", "TRIES": "1", **more}
    return {f"{prefix}{key}": value for key, value in own.items()} | HOURS


def test_every_source_is_listed_with_what_it_lacks(tmp_path: Path) -> None:
    told = run(tmp_path, "sources", **HOURS)
    assert told.returncode == 0, told.stderr
    for source in SOURCES.values():
        assert source.title in told.stdout
        if source.api_key_header:
            assert f"needs a key: set PROCUREWATCH_SOURCES__{source.name.upper()}__KEY" in told.stdout
    assert "disabled" in told.stdout, "FPDS"
    only = run(tmp_path, "sources", **HOURS, PROCUREWATCH_ONLY_SOURCES=json.dumps(["dod"]))
    assert only.stdout.count("not among only_sources") == len(SOURCES) - 1


def test_the_remaining_quota_is_shown(tmp_path: Path) -> None:
    with SamOpportunities() as upstream:
        given = asked("samnotices", upstream.base_url, KEY=sam_opportunities.KEY)
        only = {"PROCUREWATCH_ONLY_SOURCES": json.dumps(["samnotices"])}
        run(tmp_path, "poll", "--source", "samnotices", **given, **only)
        spent = len(upstream.requests)
        told = run(tmp_path, "sources", **given, **only)
    assert spent > 0
    [row] = [
        line for line in told.stdout.splitlines() if "SAM.gov contract opportunities" in line and "enabled" in line
    ]
    assert str(10 - spent) in row.split()[-2:]
    assert sam_opportunities.KEY not in told.stdout + told.stderr


def test_a_source_on_hold_is_polled_only_on_request(tmp_path: Path) -> None:
    with FakeAiInventory() as upstream:
        given = asked("aiinventory", upstream.base_url)
        given["PROCUREWATCH_ONLY_SOURCES"] = json.dumps(["aiinventory"])
        first = run(tmp_path, "poll", **given)
        before = len(upstream.requests)
        second = run(tmp_path, "poll", **given)
        assert (first.returncode, second.returncode) == (0, 0), first.stderr + second.stderr
        assert "next poll after" in second.stdout
        assert len(upstream.requests) == before
        assert run(tmp_path, "poll", "--now", **given).returncode == 0
        assert len(upstream.requests) > before
        refused = run(tmp_path, "poll", "--source", "dod", **given)
    assert refused.returncode == 2
    assert "cannot poll dod: not among only_sources" in " ".join(refused.stderr.replace("│", " ").split())
