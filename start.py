"""Set up everything in a folder of its own, then run: needs Python 3.11 or newer and nothing else.

    python3 start.py demo          the main job on real awards, with no network, key or account
    python3 start.py test          all tests
    python3 start.py COMMAND ...   any other command of procurewatch, such as `poll` or `search babel`

The first run makes a virtual environment in .venv and installs the locked dependencies there; later runs only do so
again when the lock has changed.
"""

from __future__ import annotations

import hashlib
import os
import shlex
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent
ENVIRONMENT = ROOT / ".venv"
PYTHON = ENVIRONMENT / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
LOCKS = {"run": ROOT / "requirements" / "run.txt", "test": ROOT / "requirements" / "dev.txt"}


def main() -> int:
    """Set up, run what was asked for, and return its exit code."""
    if sys.version_info < (3, 11):
        print(f"Procurewatch needs Python 3.11 or newer; this is {sys.version.split()[0]}", file=sys.stderr)
        return 2
    # Compiled once into the environment's own folder, the program starts in a third of the time.
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    arguments = sys.argv[1:] or ["--help"]
    testing = arguments[0] == "test"
    try:
        set_up("test" if testing else "run")
    except subprocess.CalledProcessError as error:
        print(f"setting up failed ({' '.join(map(str, error.cmd[:6]))} ...); see above", file=sys.stderr)
        return 1
    command = ["-m", "procurewatch", *arguments]
    os.environ["PROCUREWATCH_COMMAND"] = f"{'python' if os.name == 'nt' else 'python3'} {shlex.quote(sys.argv[0])}"
    if testing:
        del os.environ["PROCUREWATCH_COMMAND"]
        # Tests wait for processes, servers and browsers half of the time: four keep two cores busy. One that has
        # nothing left to do takes over from the others.
        command = ["-m", "pytest", "-n", "4", "--dist", "worksteal", *arguments[1:]]
        os.chdir(ROOT)
    if os.name != "nt":
        os.execv(PYTHON, [str(PYTHON), *command])  # signals reach the program itself
    return subprocess.run([PYTHON, *command], check=False).returncode


def set_up(purpose: str) -> None:
    """Make the environment fit for a purpose, unless it is already."""
    stamp = ENVIRONMENT / f"installed-for-{purpose}"
    wanted = hashlib.sha256(LOCKS[purpose].read_bytes() + (ROOT / "pyproject.toml").read_bytes()).hexdigest()
    if stamp.is_file() and stamp.read_text() == wanted:
        return
    if not PYTHON.is_file():
        make_environment()
    print("Procurewatch: installing the locked dependencies (once) ...", file=sys.stderr)
    pip("install", "--no-compile", "--no-deps", "--require-hashes", "--requirement", str(LOCKS[purpose]))
    pip("install", "--no-deps", "--editable", str(ROOT))
    # pip compiles on one core. Some packages contain files that cannot be compiled on purpose.
    subprocess.run([PYTHON, "-m", "compileall", "-qq", "-j", "0", str(ENVIRONMENT)], check=False)
    stamp.write_text(wanted)


def make_environment() -> None:
    """Make the virtual environment; where Python came without pip for it (Debian), say what to install."""
    made = subprocess.run([sys.executable, "-m", "venv", ENVIRONMENT], check=False, capture_output=True, text=True)
    if made.returncode:
        print(made.stdout.strip(), file=sys.stderr)
        raise subprocess.CalledProcessError(made.returncode, ["python", "-m", "venv", ENVIRONMENT.name])


def pip(*arguments: str) -> None:
    """Run the environment's pip, quietly."""
    quiet = ["--quiet", "--disable-pip-version-check", "--no-input"]
    subprocess.run([PYTHON, "-m", "pip", arguments[0], *quiet, *arguments[1:]], check=True)


if __name__ == "__main__":
    raise SystemExit(main())
