"""Write the SBOM of the locked dependencies, in CycloneDX: `python scripts/write_sbom.py`. Needs uv.

The wheel contains it (PEP 770). The hashes of all files are in the lock, `requirements/run.txt`.
"""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

ROOT = Path(__file__).parents[1]
SBOM = ROOT / "requirements" / "procurewatch.cdx.json"
COMMAND = (
    *("uvx", "--from", "cyclonedx-bom==7.5.0", "cyclonedx-py", "requirements", "requirements/run.txt"),
    *("--pyproject", "pyproject.toml", "--output-reproducible", "--output-file", "-"),
)


def main() -> None:
    """Write the file."""
    made = subprocess.run(COMMAND, cwd=ROOT, check=True, capture_output=True, text=True)
    sbom = json.loads(made.stdout)
    for component in sbom["components"]:
        del component["description"], component["externalReferences"]  # the line of the lock, and the index's page
    for tool in sbom["metadata"]["tools"]["components"]:
        tool.pop("externalReferences", None)
    SBOM.write_text(json.dumps(sbom, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
