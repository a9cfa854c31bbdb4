"""start.py, which sets up a folder of its own and runs the program there."""

from __future__ import annotations

import hashlib
import os
import shutil
import signal
import socket
import subprocess
import sys
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from tests.commands import environment

ROOT = Path(__file__).parents[2]


@pytest.mark.skipif(os.name == "nt", reason="POSIX signals")
def test_a_signal_to_start_py_stops_the_program(tmp_path: Path) -> None:
    for name in ("start.py", "pyproject.toml", "requirements"):
        copy = shutil.copytree if (ROOT / name).is_dir() else shutil.copy
        copy(ROOT / name, tmp_path / name)
    python = tmp_path / ".venv" / "bin" / "python"
    python.parent.mkdir(parents=True)
    python.write_text(f'#!/bin/sh\nexec "{sys.executable}" "$@"\n')
    python.chmod(0o755)
    lock = (tmp_path / "requirements" / "run.txt").read_bytes() + (tmp_path / "pyproject.toml").read_bytes()
    (tmp_path / ".venv" / "installed-for-run").write_text(hashlib.sha256(lock).hexdigest())
    command = [sys.executable, str(tmp_path / "start.py"), "--data-dir", str(tmp_path), "serve", "--port", "0"]
    surroundings = environment(PYTHONPATH=str(ROOT), PYTHONUNBUFFERED="1")
    with subprocess.Popen(command, env=surroundings, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        address = urlsplit(process.stdout.readline().split()[1])
        process.send_signal(signal.SIGTERM)
        assert process.wait() == 0
    assert (address.hostname, address.port) != (None, None)
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection((str(address.hostname), int(address.port or 0)))
