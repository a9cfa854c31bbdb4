"""Where the members of archives are scanned: in this process, in several of this machine, or on a Dask cluster."""

from __future__ import annotations

import logging
import multiprocessing
import signal
from collections.abc import Iterator
from concurrent.futures import Executor, ProcessPoolExecutor
from contextlib import closing, contextmanager
from functools import partial
from importlib.metadata import version
from typing import Any

from procurewatch.settings import SettingsError
from sources.errors import excerpt
from sources.usaspending_archive.scanning import Scans, ScansAhead

LOCAL = "local"
CONNECT_TIMEOUT = "20s"
NOT_INSTALLED = "--cluster needs the extra \"cluster\": pip install 'procurewatch[cluster]'"


class NoCluster(SettingsError):
    """A cluster cannot be used. The message says why, and what to do."""


@contextmanager
def open_scans(workers: int = 1, cluster: str = "") -> Iterator[Scans]:
    """Yield what scans archives: on the cluster at an address ("local" starts one), or in `workers` processes.

    Raises:
        NoCluster: it cannot be reached, has no workers, or its workers do not have this program.
    """
    if cluster:
        with _connect(cluster, workers) as client:
            ahead = 2 * _count_workers(client, cluster)
            with closing(ScansAhead(partial(client.get_executor, pure=False), ahead)) as scans:
                yield scans
    elif workers > 1:
        with closing(ScansAhead(partial(_start_processes, workers), workers + 1)) as scans:
            yield scans
    else:
        yield Scans()


@contextmanager
def _connect(address: str, workers: int) -> Iterator[Any]:
    """Yield a client of a Dask cluster. Raises `NoCluster`."""
    try:
        import distributed  # noqa: PLC0415  an optional extra
    except ImportError as error:
        raise NoCluster(NOT_INSTALLED) from error
    logging.getLogger("distributed").setLevel(logging.WARNING)
    if address == LOCAL:
        with (
            distributed.LocalCluster(n_workers=workers, threads_per_worker=1, dashboard_address=None) as cluster,
            distributed.Client(cluster) as client,
        ):
            yield client
        return
    try:
        client = distributed.Client(address, timeout=CONNECT_TIMEOUT)
    except (OSError, ValueError) as error:
        raise NoCluster(f"no Dask scheduler at {address}: {excerpt(str(error).encode())}") from error
    with client:
        yield client


def _count_workers(client: Any, address: str) -> int:
    """Return how many workers a cluster has. Raises `NoCluster` if none, or if they cannot run this program."""
    found = client.run(_program_version, on_error="return")
    if not found:
        raise NoCluster(f"the cluster at {address} has no workers; start one with: dask worker {address}")
    for worker, theirs in found.items():
        if theirs != _program_version():
            has = f"{type(theirs).__name__}: {theirs}" if isinstance(theirs, Exception) else f"version {theirs}"
            raise NoCluster(f"the worker {worker} cannot run procurewatch {_program_version()}; it has {has}")
    return len(found)


def _program_version() -> str:
    return version("procurewatch")


def _start_processes(workers: int) -> Executor:
    """Return processes that leave Ctrl-C to this one."""
    context = multiprocessing.get_context("spawn")
    return ProcessPoolExecutor(workers, context, initializer=signal.signal, initargs=(signal.SIGINT, signal.SIG_IGN))
