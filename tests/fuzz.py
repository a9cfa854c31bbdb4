"""Run the readers of test_fuzzing.py under atheris, which looks for inputs that reach new lines of the program.

    pip install atheris
    python -m tests.fuzz --seconds 600                  # every reader, one after the other
    python -m tests.fuzz --seconds 60 watchlist         # those with this word in their name

Hypothesis damages real inputs at random. Atheris starts from the same inputs and keeps the changes that reach another
line, so it gets deeper. A failure prints its traceback and the name of a file with the input; the exit code is then 1.
"""

from __future__ import annotations

import argparse
import logging
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

NAMES = [
    *(f"response-{name}" for name in ("usaspending", "archive", "assistance", "subawards", "dod", "samnotices")),
    *(f"response-{name}" for name in ("samawards", "aiinventory", "federalregister", "fpds")),
    *("import-dod", "import-fpds", "watchlist-yaml", "watchlist-csv", "reviews", "query"),
]
INSTRUMENTED = ("sources", "monitors.watchlist", "monitors.normalize", "storage.search", "storage.writing.reviews")


def target(name: str, folder: Path) -> tuple[Callable[[bytes], None], Sequence[bytes]]:
    """Return a reader and real inputs of it."""
    from tests import test_fuzzing as tests

    kind, _, what = name.partition("-")
    if kind == "response":
        payloads = [example.payload for example in tests.small_examples(what)]
        return partial(_read_responses, payloads, tests.read_response), [
            document.body for payload in payloads for document in payload.documents
        ]
    if kind == "import":
        return partial(tests.read_import, what, folder / "import"), [tests.FILES[what].read_bytes()]
    if kind == "watchlist":
        return partial(tests.read_watchlist, what, folder / f"damaged.{what}"), [tests.WATCHLISTS[what][0]]
    if kind == "reviews":
        return tests.read_reviews, [tests.DECISIONS]
    return tests.read_address, [tests.ADDRESS]


def _read_responses(payloads: Sequence[Any], read: Callable[[Any, int, bytes], None], body: bytes) -> None:
    """Read a body as each document of one of the payloads; its length chooses which."""
    payload = payloads[len(body) % len(payloads)]
    for place in range(len(payload.documents)):
        read(payload, place, body)


def fuzz(name: str, seconds: int) -> None:
    """Fuzz one reader in this process until the time is up; libFuzzer ends the process."""
    import atheris
    import structlog

    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    folder = Path(tempfile.mkdtemp(prefix="procurewatch-fuzz-"))
    with atheris.instrument_imports(include=list(INSTRUMENTED), enable_loader_override=False):
        read, inputs = target(name, folder)
    corpus = folder / "corpus"
    corpus.mkdir()
    for number, content in enumerate(inputs):
        (corpus / f"{number}").write_bytes(content)
    limits = [f"-max_total_time={seconds}", "-max_len=65536", "-timeout=30", f"-artifact_prefix={folder}/"]
    atheris.Setup([sys.argv[0], *limits, "-verbosity=0", "-print_final_stats=1", str(corpus)], read)
    atheris.Fuzz()


def main() -> int:
    """Fuzz each reader in a process of its own."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("word", nargs="?", default="", help="only readers with this word in their name")
    parser.add_argument("--seconds", type=int, default=60, help="for each reader")
    parser.add_argument("--one", choices=NAMES, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.one:
        fuzz(options.one, options.seconds)
    failed = []
    for name in (name for name in NAMES if options.word in name):
        print(f"{name}:", flush=True)  # noqa: T201
        command = [sys.executable, "-m", "tests.fuzz", "--one", name, "--seconds", str(options.seconds)]
        failed += [name] if subprocess.run(command, check=False).returncode else []
    print(f"failed: {', '.join(failed)}" if failed else "no reader failed")  # noqa: T201
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
