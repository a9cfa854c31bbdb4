"""The name under which the program was started."""

from __future__ import annotations

import os

COMMAND_VARIABLE = "PROCUREWATCH_COMMAND"


def program_name() -> str:
    """Return what the user types before a command: "procurewatch", or what start.py was started as."""
    return os.environ.get(COMMAND_VARIABLE) or "procurewatch"
