"""Commands survive SIGKILL: the short form of `python -m tests.faults`, which also kills a first poll and a site."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.faults.commands import commands
from tests.faults.killing import Command, kill_repeatedly

KILLS = {"poll again": 1, "backfill": 1, "import": 1, "rematch": 1, "migration": 1, "review import": 1, "export": 1}
SEED = 20261130


@pytest.fixture(scope="module")
def by_name() -> Iterator[dict[str, Command]]:
    with commands() as found:
        yield {command.name: command for command in found}


@pytest.mark.timeout(900)
@pytest.mark.parametrize("name", KILLS)
def test_a_command_that_is_killed_and_run_again_loses_nothing(
    tmp_path: Path, by_name: dict[str, Command], name: str
) -> None:
    assert kill_repeatedly(by_name[name], tmp_path / "data", KILLS[name], SEED).kills == KILLS[name]
