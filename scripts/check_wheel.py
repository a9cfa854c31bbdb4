"""Check that a built wheel contains every file of the packages, and the SBOM: `python scripts/check_wheel.py WHEEL`."""

from __future__ import annotations

import subprocess
import sys
import zipfile
from pathlib import Path

ROOT = Path(__file__).parents[1]
SBOM = "procurewatch.cdx.json"
PACKAGES = ("sources", "monitors", "storage", "feeds", "procurewatch")


def main() -> int:
    """Return the exit code."""
    listed = subprocess.run(["git", "ls-files", *PACKAGES], cwd=ROOT, check=True, capture_output=True, text=True)
    with zipfile.ZipFile(sys.argv[1]) as wheel:
        contained = set(wheel.namelist())
    missing = sorted(set(listed.stdout.split()) - contained)
    missing += [] if any(name.endswith(f".dist-info/sboms/{SBOM}") for name in contained) else [SBOM]
    for name in missing:
        sys.stderr.write(f"not in the wheel: {name}\n")
    return 1 if missing else 0


if __name__ == "__main__":
    raise SystemExit(main())
