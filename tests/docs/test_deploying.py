"""The files in deploy/ are valid, and name only options and settings that exist."""

from __future__ import annotations

import plistlib
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from typer.main import get_command

from procurewatch.cli import app
from procurewatch.settings import CONFIG_VARIABLE, PREFIX, Settings

DEPLOY = Path(__file__).parents[2] / "deploy"
UNIT = (DEPLOY / "procurewatch.service").read_text()


def check(*command: str) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_dockerfile() -> None:
    check(str(Path(sys.executable).with_name("hadolint")), str(DEPLOY / "Dockerfile"))


def test_the_compose_file() -> None:
    program = str(Path(sys.executable).with_name("check-jsonschema"))
    check(program, "--builtin-schema", "vendor.compose-spec", str(DEPLOY / "compose.yaml"))
    services = yaml.safe_load((DEPLOY / "compose.yaml").read_text())["services"]
    assert all(service["read_only"] and service["cap_drop"] == ["ALL"] for service in services.values())
    assert [name for name, service in services.items() if "ports" in service] == ["caddy"]
    assert services["procurewatch"]["env_file"] == ".env", "so that every setting can be given there"
    password = {
        services["procurewatch"]["environment"]["PGPASSWORD"],
        services["postgres"]["environment"]["POSTGRES_PASSWORD"],
    }
    assert password == {"${POSTGRES_PASSWORD:?set POSTGRES_PASSWORD in .env}"}


def test_the_unit(tmp_path: Path) -> None:
    """systemd reads it where there is one; what it may do is checked everywhere."""
    assert {"NoNewPrivileges=yes", "ProtectSystem=strict", "CapabilityBoundingSet=", "DynamicUser=yes"} <= set(
        UNIT.splitlines()
    )
    assert all(re.fullmatch(r"#.*|\[\w+\]|[A-Z]\w+=.*|", line) for line in UNIT.splitlines())
    if systemd_analyze := shutil.which("systemd-analyze"):
        unit = tmp_path / "procurewatch.service"
        unit.write_text(UNIT.replace("/opt/procurewatch/bin/procurewatch", sys.executable))
        check(systemd_analyze, "verify", str(unit))
        check(systemd_analyze, "security", "--offline=yes", "--threshold=15", str(unit))


def test_the_property_list() -> None:
    assert plistlib.loads((DEPLOY / "org.procurewatch.run.plist").read_bytes())["KeepAlive"] is True


@pytest.mark.parametrize(
    "file", sorted(file for file in DEPLOY.iterdir() if file.is_file()), ids=lambda file: file.name
)
def test_every_setting_and_option_is_there(file: Path) -> None:
    known = {PREFIX + name.upper() for name in Settings.model_fields} | {CONFIG_VARIABLE}
    assert set(re.findall(r"PROCUREWATCH_[A-Z_]+", file.read_text())) <= known
    run = getattr(get_command(app), "commands")["run"].load()  # noqa: B009  the class is typer's own
    options = {name for parameter in run.params for name in parameter.opts}
    assert {"--host", "--port"} <= options, "which the Dockerfile and the guide use"
