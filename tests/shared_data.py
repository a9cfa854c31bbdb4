"""Public data that is not in the repository: tests that need a file of it are skipped without it."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

FOLDER = Path(os.environ.get("PROCUREWATCH_SHARED_DATA") or Path(__file__).parents[2] / "shared" / "data")


def needs(file: str) -> pytest.MarkDecorator:
    """Skip a test without a file of `FOLDER`."""
    reason = f"no {FOLDER / file} (set PROCUREWATCH_SHARED_DATA to the folder it is under)"
    return pytest.mark.skipif(not (FOLDER / file).exists(), reason=reason)
