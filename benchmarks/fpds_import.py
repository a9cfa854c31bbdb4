"""Measure the time and memory of reading an FPDS archive: `python -m benchmarks.fpds_import [MEGABYTES]`.

Writes an archive of that size (400 unless told) into a temporary folder, reads it with `Fpds.read_file` in a process of
its own, and prints the rate, the peak memory of that process, and what it had used before the first entry; then once
more with every entry parsed into its record.
"""

from __future__ import annotations

import argparse
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console

from sources.fpds.contracts import Fpds
from sources.records import Payload
from tests.upstreams.fpds import Action, entry, head

KINDS = ("award", "IDV", "OtherTransactionAward", "OtherTransactionIDV")
# A real entry has some 18,000 bytes, most of them yes/no facts on the recipient: (300 elements).
FACTS = "".join(f"<ns1:isFact{number}>false</ns1:isFact{number}>\n" for number in range(300))


def write_archive(file: Path, megabytes: int) -> int:
    """Write a feed of about this many megabytes; return its number of entries."""
    count = 0
    with file.open("wb") as target:
        target.write(head("an archive").encode())
        while target.tell() < megabytes * 1_000_000:
            action = Action(kind=KINDS[count % 4], version=f"1.{count % 6}", piid=f"P{count:08}")
            target.write(entry(action, padding=FACTS).encode())
            count += 1
        target.write(b"</feed>")
    return count


def measure(file: Path, *, parsed: bool) -> str:
    """Read a file in this process; return the measurements."""
    source = Fpds()
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    start = time.perf_counter()
    count = 0
    for item in source.read_file(file):
        if parsed and isinstance(item, Payload):
            source.parse(item)
        count += 1
    seconds = time.perf_counter() - start
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    megabytes = file.stat().st_size / 1e6
    what = "read and parsed" if parsed else "read"
    return (
        f"{what}: {count:,} entries, {megabytes:,.0f} MB in {seconds:.1f} s = {megabytes / seconds:.1f} MB/s; "
        f"peak memory {peak:.0f} MiB ({before:.0f} MiB before the first entry)"
    )


def main(arguments: Sequence[str] | None = None) -> None:
    """Write, read and print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("megabytes", type=int, nargs="?", default=400)
    parser.add_argument("--read", type=Path, help="only read this file, and print the figures")
    parser.add_argument("--parsed", action="store_true", help="with --read: parse every entry, too")
    options = parser.parse_args(arguments)
    out = Console(width=160, highlight=False)
    if options.read:
        out.print(measure(options.read, parsed=options.parsed))
        return
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "archive.xml"
        write_archive(file, options.megabytes)
        for more in ([], ["--parsed"]):
            subprocess.run([sys.executable, "-m", "benchmarks.fpds_import", "--read", str(file), *more], check=True)  # noqa: S603


if __name__ == "__main__":
    main()
