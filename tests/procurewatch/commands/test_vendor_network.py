"""`procurewatch vendors check --network` over HTTP, in processes of its own."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from sources.errors import Refused, SourceChanged
from sources.http.client import Client, RateLimit, Timeouts
from sources.recipient_profiles import RelatedRecipient, fetch_profile
from tests.commands import run
from tests.sources.usaspending.helpers import Alterable, Change
from tests.upstreams.server import LoggedRequest
from tests.upstreams.usaspending.recipients import CorpusRecipient, recipient_profile
from tests.upstreams.usaspending.server import FakeUsaspending

RECORDED = json.loads((Path(__file__).parents[2] / "data" / "usaspending" / "recorded_recipient.json").read_text())
IOWA = "Z1H9VJS8NG16"
OWNER, OTHER, LOST = "E5BEYXDQYJS6", "TBW7MGPYURM7", "NQWERTYU1234"
RECIPIENTS = [
    CorpusRecipient(
        name=RECORDED["name"],
        uei=IOWA,
        levels="PC",
        alternate_names=tuple(RECORDED["alternate_names"]),
        parents=(OWNER,),
        amount=9,
    ),
    CorpusRecipient(name="STATE OF IOWA", uei=OWNER, levels="P"),
    CorpusRecipient(name="IOWA HYGIENIC LAB", uei="YDMQMHPLCBW4", levels="C", parents=(IOWA,)),
    CorpusRecipient(name="AXON ENTERPRISE, INC.", uei=OTHER, levels="C", parents=(IOWA,)),
    CorpusRecipient(name="ACME-EYES INC", uei="DYA5JMXLD4L8", amount=5),
    CorpusRecipient(name="ACME EYES OF TEXAS INC", uei="KFW6S1KJQ566"),
    CorpusRecipient(name="ACME EYES INC", uei=None, amount=7),
]
WATCHLIST = f"""vendors:
  - {{id: iowa, name: University of Iowa, category: dna, aliases: [CAMBUS, LOMA LINDA UNIVERSITY], ueis: [{IOWA}]}}
  - {{id: acme, name: Acme Eyes, category: dna, legal_names: ["ACME-EYES, INC."]}}
  - {{id: lost, name: Lost Optics, category: dna, ueis: [{LOST}]}}
  - {{id: integrator, name: Big Integrator, category: dna, portfolio: broad, legal_names: [ACME EYES OF TEXAS INC]}}
"""


class Altered(Alterable, FakeUsaspending):
    """A fake USAspending that can be made to fail."""


@pytest.fixture
def upstream() -> Iterator[Altered]:
    with Altered([], recipients=RECIPIENTS) as server:
        yield server


@pytest.fixture
def own(tmp_path: Path) -> dict[str, str]:
    file = tmp_path / "mine.yaml"
    file.write_text(WATCHLIST)
    return {"PROCUREWATCH_WATCHLIST": f'["{file}"]'}


def client(server: FakeUsaspending) -> Client:
    limit = RateLimit(seconds_between=0, at_once=1)
    return Client("usaspending", base_url=server.base_url, rate_limit=limit, timeouts=Timeouts(tries=1))


def for_uei(uei: str, request: LoggedRequest) -> bool:
    return uei.encode() in request.body


def test_the_fake_profile_has_the_fields_of_the_recorded_one() -> None:
    university = CorpusRecipient(name=RECORDED["name"], uei=IOWA, levels="C", parents=(IOWA,))
    fake = recipient_profile(f"{university.hash}-C", [university])
    assert fake.keys() <= RECORDED.keys()
    assert fake["parents"][0].keys() == RECORDED["parents"][0].keys()
    assert {type(fake[name]) for name in ("alternate_names", "parents")} == {list}


def test_proposes_names_owners_and_subsidiaries(upstream: Altered, own: dict[str, str], tmp_path: Path) -> None:
    done = run(tmp_path, "vendors", "check", "--network", "--vendor", "iowa", base_url=upstream.base_url, **own)
    assert done.returncode == 0, done.stdout + done.stderr
    lines = done.stdout.splitlines()
    proposed = yaml.safe_load("\n".join(lines[lines.index("iowa: 3 requests") + 1 : -1]))
    assert proposed["parents"] == [{"name": "STATE OF IOWA", "portfolio": "broad"}]
    assert proposed["subsidiaries"] == ["IOWA HYGIENIC LAB", "AXON ENTERPRISE, INC."]
    assert "RESEARCH AND ECONOMIC DEVELOPMENT, UNIVERSITY" in proposed["aliases"]
    assert not {"CAMBUS", "UNIVERSITY OF IOWA", "THE UNIVERSITY OF IOWA"} & set(proposed["aliases"]), "they are listed"
    assert f"- 'AXON ENTERPRISE, INC.' # {OTHER}, is entry axon" in done.stdout
    assert f"- {{name: STATE OF IOWA, portfolio: broad}} # {OWNER}" in done.stdout
    assert lines[-1] == "1 entries checked, 0 not checked, 3 requests"
    assert [request.method for request in upstream.requests] == ["POST", "GET", "GET"]


def test_proposes_ueis_of_exactly_the_legal_name(upstream: Altered, own: dict[str, str], tmp_path: Path) -> None:
    asked = ("--vendor", "acme", "--vendor", "Big Integrator")
    done = run(tmp_path, "vendors", "check", "--network", *asked, base_url=upstream.base_url, **own)
    assert done.returncode == 0, done.stderr
    assert [line.strip() for line in done.stdout.splitlines()[-4:]] == [
        "acme: 3 requests",
        "ueis:",
        "- DYA5JMXLD4L8 # ACME-EYES INC",
        "2 entries checked, 0 not checked, 3 requests",
    ]


def test_an_error_concerns_one_entry(upstream: Altered, own: dict[str, str], tmp_path: Path) -> None:
    upstream.fail(lambda request: for_uei(IOWA, request))
    asked = ("--vendor", "iowa", "--vendor", "lost", "--vendor", "acme")
    done = run(tmp_path, "vendors", "check", "--network", *asked, base_url=upstream.base_url, **own)
    assert done.returncode == 1
    assert "iowa: not checked: usaspending: POST /api/v2/recipient/" in done.stderr
    assert f"lost: USAspending does not know the UEI {LOST}" in done.stderr
    assert "- DYA5JMXLD4L8" in done.stdout
    assert done.stdout.splitlines()[-1] == "2 entries checked, 1 not checked, 5 requests"


def test_stops_when_nothing_answers(upstream: Altered, tmp_path: Path) -> None:
    upstream.fail(lambda _: True)
    done = run(tmp_path, "vendors", "check", "--network", base_url=upstream.base_url)
    assert done.returncode == 1
    assert len(upstream.requests) == 5
    assert "stopped after 5 failures in a row; 350 left" in done.stderr


def test_only_entries_of_the_list_can_be_asked_about(own: dict[str, str], tmp_path: Path) -> None:
    assert run(tmp_path, "vendors", "check", "--vendor", "iowa", **own).returncode == 2
    assert run(tmp_path, "vendors", "check", "--network", "--vendor", "nobody", **own).returncode == 2


def test_a_recipient_that_owns_nobody_is_not_asked_for_children(upstream: Altered) -> None:
    with client(upstream) as usaspending:
        profile = fetch_profile(usaspending, "DYA5JMXLD4L8")
        with pytest.raises(Refused, match="not listed as a parent"):
            usaspending.get("/api/v2/recipient/children/DYA5JMXLD4L8/")
    assert profile is not None
    assert (profile.names, profile.parents, profile.children) == (("ACME-EYES INC",), (), ())
    assert [request.path.split("/")[4] for request in upstream.requests[:2]] != ["children"]
    assert len(upstream.requests) == 3


def test_an_owner_has_children_and_no_parent(upstream: Altered) -> None:
    with client(upstream) as usaspending:
        profile = fetch_profile(usaspending, OWNER)
    assert profile is not None
    assert (profile.parents, profile.children) == ((), (RelatedRecipient(name=RECORDED["name"], uei=IOWA),))


CHANGES: dict[str, tuple[str, Change]] = {
    "no id": ("/recipient/", lambda content: content["results"][0].update(id=None)),
    "no list": ("/recipient/", lambda content: content.update(results="none")),
    "no names": ("-C/", lambda content: content.update(alternate_names=[7])),
    "no children": (f"/children/{IOWA}/", lambda _: ["not an object"]),
}


@pytest.mark.parametrize(("path", "change"), CHANGES.values(), ids=CHANGES)
def test_an_answer_of_another_form_is_an_error(path: str, change: Change, upstream: Altered) -> None:
    upstream.alter(path, change)
    with client(upstream) as usaspending, pytest.raises(SourceChanged):
        fetch_profile(usaspending, IOWA)
