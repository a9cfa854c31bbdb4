"""The recipes for web hosts in deploy/static/: they state the same types and policy, and the workflow is safe."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from feeds.urls import FEED_TYPES
from procurewatch.static_site.writing import LOCK

RECIPES = Path(__file__).parents[2] / "deploy" / "static"
NGINX, CADDY, HEADERS = ((RECIPES / name).read_text() for name in ("nginx.conf", "Caddyfile", "_headers"))
WORKFLOW = RECIPES / "github-pages.yml"
JOBS = yaml.safe_load(WORKFLOW.read_text())["jobs"]
TYPES = {**{str(fmt): kind for fmt, kind in FEED_TYPES.items()}, "opml": "text/x-opml", "pagefind": "application/wasm"}


@pytest.mark.parametrize(("suffix", "media_type"), TYPES.items())
def test_every_host_sends_the_right_type(suffix: str, media_type: str) -> None:
    kind = re.escape(media_type)
    assert re.search(rf"^ +{kind} +{suffix};$", NGINX, re.MULTILINE)
    assert re.search(rf'^\t\t@(\w+) path \*\.{suffix}\n\t\theader @\1 Content-Type "?{kind}', CADDY, re.MULTILINE)
    assert re.search(rf"^/\*\.{suffix}\n  Content-Type: {kind}", HEADERS, re.MULTILINE)


def test_every_host_sends_the_same_policy_and_hides_what_builds_note() -> None:
    policy = r'Content-Security-Policy:? "?(default-src [^"\n]+)'
    [policies] = {tuple(re.findall(policy, text)) for text in (NGINX, CADDY, HEADERS)}
    assert len(policies) == 1
    assert LOCK.startswith(".")
    assert re.search(r"location ~ /\\\. \{ return 404; \}", NGINX)
    assert "@hidden path */.*\n\t\terror @hidden 404" in CADDY


def test_the_caddyfile(tmp_path: Path) -> None:
    """Caddy reads it where there is one; the page for what is missing must be set for the whole host."""
    assert "\n\thandle_errors {\n" in CADDY
    assert CADDY.count("{") == CADDY.count("}")
    if caddy := shutil.which("caddy"):
        command = [caddy, "adapt", "--adapter", "caddyfile", "--config", str(RECIPES / "Caddyfile")]
        done = subprocess.run(command, capture_output=True, text=True, check=False, env={"HOME": str(tmp_path)})
        assert done.returncode == 0, done.stderr


def test_every_text_is_compressed() -> None:
    packed = re.findall(r"gzip_types ([^;]+);", NGINX)[0].split()
    assert {*FEED_TYPES.values(), "text/css", "text/javascript", "text/x-opml", "application/xml"} <= set(packed)


def test_the_workflow_is_valid() -> None:
    program = str(Path(sys.executable).with_name("check-jsonschema"))
    command = [program, "--builtin-schema", "vendor.github-workflows", str(WORKFLOW)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


def test_the_workflow_pins_its_actions_and_grants_only_what_each_job_needs() -> None:
    used = re.findall(r"uses: (\S+)", WORKFLOW.read_text())
    assert used
    assert all(re.fullmatch(r"actions/[a-z-]+@[0-9a-f]{40}", action) for action in used)
    assert "permissions: {}" in WORKFLOW.read_text()
    assert JOBS["poll"]["permissions"] == {"contents": "write"}
    assert JOBS["publish"]["permissions"] == {"pages": "write", "id-token": "write"}
    concurrency = yaml.safe_load(WORKFLOW.read_text())["concurrency"]
    assert concurrency == {"group": "procurewatch", "cancel-in-progress": False}


def test_the_workflow_publishes_before_it_fails_and_never_replaces_a_database_in_place() -> None:
    steps = {step.get("name", ""): step.get("run", "") for step in JOBS["poll"]["steps"]}
    for name in ("Poll", "Build the site"):
        assert steps[name].endswith('|| echo "failed=1" >> "$GITHUB_OUTPUT"')
    assert "--clobber" not in steps["Store the database"]
    names = list(steps)
    assert names.index("Poll") < names.index("Store the database") < names.index("Build the site")
    last = JOBS["publish"]["steps"][-1]
    assert last["run"] == 'exit "${FAILED:-0}"'
    assert last["env"] == {"FAILED": "${{ needs.poll.outputs.failed }}"}
