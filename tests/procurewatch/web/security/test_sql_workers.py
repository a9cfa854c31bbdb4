"""Readers' SQL runs in processes that are limited, killed and replaced."""

from __future__ import annotations

import asyncio
import os
import re
import signal
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import httpx
import pytest

from procurewatch.web.sql import workers
from procurewatch.web.sql.worker import MAX_MEMORY, TOO_MUCH_MEMORY, Answer, Request
from procurewatch.web.sql.workers import CLIENT, MAX_PER_CLIENT, MAX_WORKERS, SqlWorkers
from tests.commands import environment
from tests.coroutines import run_coroutine
from tests.processes import Process

UNLIMITED = "from procurewatch.web.sql import guard; guard.LIMITS.clear(); " + workers.PROGRAM
# One function that runs for hours: SQLite looks at the clock between functions only.
ENDLESS = "select instr(printf('%.*c', 20000000, 'a'), printf('%.*c', 10000000, 'a') || 'b')"
ENDLESS_LOOP = "with recursive n(x) as (select 1 union all select x + 1 from n) select count(*) from n"
SERVE = f"""
from procurewatch.web.sql import pages, workers
from procurewatch.cli import main
workers.PROGRAM = {UNLIMITED!r}
pages.SETTINGS["sql_time_limit_ms"] = 3_600_000
main()
"""


def request(sql: str, seconds: float = 3600) -> Request:
    return Request(sql, {}, max_rows=10, seconds=seconds)


@pytest.fixture
def file(_sqlite_with_tables: Path) -> Path:
    return _sqlite_with_tables


@asynccontextmanager
async def pool(file: Path) -> AsyncIterator[SqlWorkers]:
    made = SqlWorkers(file)
    async with made.running():
        yield made


def is_alive(process: int) -> bool:
    with suppress(ProcessLookupError):
        os.kill(process, 0)
        return True
    return False


def children(process: int) -> set[int]:
    """Return the child processes of a process."""
    statuses = {int(status.parent.name): status for status in Path("/proc").glob("[0-9]*/status")}
    found = set()
    for child, status in statuses.items():
        with suppress(OSError):
            found |= {child} if re.search(rf"^PPid:\s*{process}$", status.read_text(), re.MULTILINE) else set()
    return found


def test_a_query_inside_one_function_is_killed_and_its_worker_replaced(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(workers, "PROGRAM", UNLIMITED)
    monkeypatch.setattr(workers, "GRACE_SECONDS", 0.1)

    async def ask() -> tuple[int, Answer, Answer, set[int]]:
        async with pool(file) as made:
            await made.ask(request("select 1"))
            (worker,) = made._idle
            late = await made.ask(request(ENDLESS, seconds=0.1))
            good = await made.ask(request("select 2"))
            return worker.pid, late, good, {one.pid for one in made._idle}

    killed, late, good, idle = run_coroutine(ask())
    assert (late.is_late, good.rows) == (True, [(2,)])
    assert not is_alive(killed)
    assert killed not in idle
    assert not any(map(is_alive, idle))  # `running` has ended


def test_one_client_leaves_workers_to_others(file: Path) -> None:
    async def ask() -> tuple[list[bool], set[int], Answer]:
        async with pool(file) as made:
            CLIENT.set("203.0.113.1")
            busy = [asyncio.create_task(made.ask(request(ENDLESS_LOOP))) for _ in range(MAX_WORKERS + 4)]
            await asyncio.sleep(0)
            CLIENT.set("203.0.113.2")
            good = await made.ask(request("select 1"))
            running = children(os.getpid())
            are_done = [task.done() for task in busy]
            for task in busy:
                task.cancel()
            await asyncio.gather(*busy, return_exceptions=True)
            return are_done, running, good

    others = children(os.getpid())
    are_done, running, good = run_coroutine(ask())
    assert good.rows == [(1,)]
    assert not any(are_done)
    assert len(running - others) <= MAX_PER_CLIENT + 1 < MAX_WORKERS
    assert children(os.getpid()) <= others  # those of the cancelled queries were killed


def test_all_clients_together_have_a_limit(file: Path) -> None:
    async def ask() -> list[Answer]:
        async def one(number: int) -> Answer:
            CLIENT.set(str(number))
            return await made.ask(request(f"select {number}"))

        async with pool(file) as made:
            answers = await asyncio.gather(*map(one, range(3 * MAX_WORKERS)))
            assert len(made._idle) <= MAX_WORKERS
            return answers

    assert [answer.rows for answer in run_coroutine(ask())] == [[(number,)] for number in range(3 * MAX_WORKERS)]


def test_memory_is_limited(file: Path) -> None:
    rows = "with recursive n(x) as (select 1 union all select x + 1 from n limit 5000)"
    sorting = f"{rows} select randomblob(200000) from n order by 1"

    async def ask() -> tuple[Answer, Answer, str]:
        async with pool(file) as made:
            large, good = await made.ask(request(sorting)), await made.ask(request("select 1"))
            limits = Path(f"/proc/{made._idle[0].pid}/limits")
            return large, good, limits.read_text() if limits.exists() else ""

    large, good, limits = run_coroutine(ask())
    assert large.error == TOO_MUCH_MEMORY
    assert good.rows == [(1,)]
    assert not limits or re.search(rf"Max address space +{MAX_MEMORY} ", limits)


def test_a_worker_that_died_is_replaced(file: Path) -> None:
    async def ask() -> tuple[Answer, Answer]:
        async with pool(file) as made:
            await made.ask(request("select 1"))
            (worker,) = made._idle
            task = asyncio.create_task(made.ask(request(ENDLESS_LOOP)))
            while made._idle:
                await asyncio.sleep(0)
            worker.kill()  # as the system does when memory is short
            died = await task
            await made.ask(request("select 1"))
            (worker,) = made._idle
            worker.kill()
            await worker.wait()
            return died, await made.ask(request("select 3"))

    died, good = run_coroutine(ask())
    assert died.error == TOO_MUCH_MEMORY
    assert good.rows == [(3,)]


@pytest.fixture
def serving(file: Path) -> Iterator[tuple[Process, str]]:
    """A real server whose queries have no limits, and its address."""
    variables = environment(PROCUREWATCH_DATABASE_URL=f"sqlite:///{file}")
    with Process(SERVE, ["procurewatch", "--data-dir", str(file.parent), "serve", "--port", "0"], variables) as process:
        address = process.stdout.readline().split()[1].rstrip("/")
        try:
            yield process, address
        finally:
            process.kill()


@pytest.mark.skipif(not Path("/proc/self").exists(), reason="finds the workers in /proc")
def test_the_server_stops_on_sigterm_while_queries_run(serving: tuple[Process, str]) -> None:
    process, address = serving

    def ask() -> None:
        with suppress(httpx.HTTPError):
            httpx.get(f"{address}/sql/procurewatch.json", params={"sql": ENDLESS}, timeout=600)

    asking = [threading.Thread(target=ask) for _ in range(MAX_PER_CLIENT)]
    for thread in asking:
        thread.start()
    found: set[int] = set()
    while len(found) < MAX_PER_CLIENT:
        assert process.returncode is None
        found = children(process._process.pid or 0)
    assert httpx.get(f"{address}/", timeout=60).status_code == 200
    process.send_signal(signal.SIGTERM)
    process.wait(timeout=120)  # the queries would run for hours
    for thread in asking:
        thread.join()
    assert not any(map(is_alive, found))
