"""The SBOM in the wheel names the locked dependencies."""

from __future__ import annotations

import json
import re
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_the_sbom_lists_the_locked_dependencies() -> None:
    lock = (ROOT / "requirements" / "run.txt").read_text()
    sbom = json.loads((ROOT / "requirements" / "procurewatch.cdx.json").read_text())
    assert (sbom["bomFormat"], sbom["metadata"]["component"]["name"]) == ("CycloneDX", "procurewatch")
    listed = {f"pkg:pypi/{name}@{version}" for name, version in re.findall(r"^([\w.-]+)==([\w.]+)", lock, re.MULTILINE)}
    assert listed
    assert {component["purl"] for component in sbom["components"]} == listed, "run python scripts/write_sbom.py"
