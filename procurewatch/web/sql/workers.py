"""Runs readers' SQL in worker processes, because one SQLite function may run for minutes and cannot be interrupted."""

from __future__ import annotations

import asyncio
import os
import pickle
import sys
from asyncio import StreamReader, StreamWriter
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from contextvars import ContextVar
from pathlib import Path
from typing import cast
from weakref import WeakValueDictionary

from procurewatch.web.sql.worker import LENGTH_BYTES, TOO_MUCH_MEMORY, Answer, Request, message
from storage.schema.sql_views import VIEWS

MAX_WORKERS = 4  # queries at once
MAX_PER_CLIENT = 2  # queries of one client at once; further ones wait
GRACE_SECONDS = 2  # a query normally stops itself in time; after this its process is killed
FOLDER = Path(__file__).parents[3]  # of the package
PROGRAM = "from procurewatch.web.sql.worker import main; main()"
# The address of the client of the current request.
CLIENT: ContextVar[str] = ContextVar("client", default="")


class SqlWorkers:
    """At most `MAX_WORKERS` processes. They start when they are needed, and one that is killed is replaced."""

    def __init__(self, file: Path) -> None:
        self.file = file
        self._all: set[Process] = set()
        self._idle: list[Process] = []
        self._free = asyncio.Semaphore(MAX_WORKERS)
        self._by_client: WeakValueDictionary[str, asyncio.Semaphore] = WeakValueDictionary()

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """End all processes afterwards."""
        try:
            yield
        finally:
            for worker in list(self._all):
                await self._kill(worker)

    async def ask(self, request: Request) -> Answer:
        """Run a query when its turn comes."""
        turn = self._by_client.setdefault(CLIENT.get(), asyncio.Semaphore(MAX_PER_CLIENT))
        async with turn, self._free:
            worker = await self._worker()
            try:
                async with asyncio.timeout(request.seconds + GRACE_SECONDS):
                    answer = await _ask(worker, request)
            except BaseException as error:
                await self._kill(worker)
                if isinstance(error, TimeoutError):
                    return Answer([], [], error="interrupted", is_late=True)
                if isinstance(error, (asyncio.IncompleteReadError, ConnectionError)):  # it crashed or was killed
                    return Answer([], [], error=TOO_MUCH_MEMORY)
                raise
            self._idle.append(worker)
            return answer

    async def _worker(self) -> Process:
        """Return an idle worker that is alive, or a new one."""
        while self._idle:
            worker = self._idle.pop()
            if worker.returncode is None:
                return worker
            self._all.discard(worker)
        worker = await asyncio.create_subprocess_exec(
            *(sys.executable, "-S", "-P", "-c", PROGRAM),
            stdin=PIPE,
            stdout=PIPE,
            env={**os.environ, "PYTHONPATH": str(FOLDER)},
            start_new_session=True,  # Ctrl-C ends the server only, which ends its workers
        )
        self._all.add(worker)
        try:
            views = {view.name: [column.name for column in view.columns] for view in VIEWS}
            await _ask(worker, (str(self.file), views))
        except BaseException:
            await self._kill(worker)
            raise
        return worker

    async def _kill(self, worker: Process) -> None:
        if worker.returncode is None:
            worker.kill()
        await worker.wait()
        self._all.discard(worker)


async def _ask(worker: Process, request: object) -> Answer:
    stdin, stdout = cast(StreamWriter, worker.stdin), cast(StreamReader, worker.stdout)
    stdin.write(message(request))
    await stdin.drain()
    length = int.from_bytes(await stdout.readexactly(LENGTH_BYTES), "big")
    answer: Answer = pickle.loads(await stdout.readexactly(length))  # noqa: S301  from our own process
    return answer
