"""Builds the records of the demo from a public extract of ICE and CBP contract actions.

In: a CSV (plain or .gz) of USAspending contract actions with the columns named in `COLUMNS`.
Out: `tests/upstreams/usaspending/corpus.json.gz`, what the fake USAspending serves, the same bytes for the same input;
and `procurewatch/demo/awards.json.gz`, what a poll of it brings. Without the CSV only the second file is written. Run
it from the repository's root:

    python -m scripts.build_demo_corpus [PATH/TO/cbp_ice_transactions_fy2021_2024.csv.gz]
"""

from __future__ import annotations

import argparse
import csv
import gzip
import hashlib
import json
import logging
import re
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from monitors.runs.jobs import Lookback, poll_window, search_terms
from monitors.watchlist.loader import load_watchlist
from procurewatch.demo.settings import DAYS, LAST_DAY
from sources.http.client import Client, RateLimit
from sources.records import Payload
from sources.usaspending.awards import Usaspending
from tests.sources.fakes import Memory
from tests.upstreams.usaspending.corpus import (
    BLANK,
    SUB_AGENCIES,
    CorpusAction,
    CorpusAward,
    load_corpus,
    read_corpus,
    to_json,
)
from tests.upstreams.usaspending.server import FakeUsaspending

COLUMNS = (
    "Agency",
    "Award ID",
    "Recipient Name",
    "Federal Action Obligation",
    "Action Date",
    "Modification",
    "Product/Service Description",
    "NAICS Description",
    "Transaction Description",
    "Generated Award ID",
)
ROOT = Path(__file__).parent.parent
CORPUS = ROOT / "tests" / "upstreams" / "usaspending" / "corpus.json.gz"
RECORDING = ROOT / "procurewatch" / "demo" / "awards.json.gz"
log = logging.getLogger("build_demo_corpus")


@dataclass(frozen=True, kw_only=True)
class Pick:
    """A reason to choose awards: a pattern on the recipient, on a description, or both; at most `at_most` of them.

    Of more candidates than `at_most`, those with most actions come first, then by key: the same choice every time.
    """

    label: str
    recipient: str = ""
    description: str = ""
    at_most: int = 99


# Awards that concern a surveillance vendor, by the vendor's own name.
BY_NAME = (
    Pick(label="Clearview AI", recipient=r"^CLEARVIEW AI\b"),
    Pick(label="Palantir", recipient=r"^PALANTIR\b"),
    Pick(label="Cellebrite", recipient=r"^CELLEBRITE\b", at_most=7),
    Pick(label="Magnet Forensics", recipient=r"^MAGNET FORENSICS\b", at_most=8),
    Pick(label="Griffeye (Magnet)", recipient=r"^GRIFFEYE\b", at_most=2),
    Pick(label="Babel Street", recipient=r"^BABEL STREET\b"),
    Pick(label="Pen-Link", recipient=r"^PEN-LINK\b", at_most=6),
    Pick(label="Cobwebs", recipient=r"^COBWEBS\b"),
    Pick(label="LexisNexis", recipient=r"^LEXISNEXIS\b"),
    Pick(label="RELX", recipient=r"^RELX\b", at_most=2),
    Pick(label="Venntel", recipient=r"^VENNTEL\b"),
    Pick(label="Giant Oak", recipient=r"^GIANT OAK\b", at_most=5),
    Pick(label="Anduril", recipient=r"^ANDURIL\b", at_most=6),
    Pick(label="Axon", recipient=r"^AXON ENTERPRISE\b", at_most=6),
    Pick(label="Paragon Solutions", recipient=r"^PARAGON SOLUTIONS\b"),
    Pick(label="Chainalysis", recipient=r"^CHAINALYSIS\b", at_most=5),
    Pick(label="Thomson Reuters", recipient=r"^THOMSON REUTERS\b", at_most=6),
    Pick(label="West Publishing", recipient=r"^WEST PUBLISHING\b", at_most=7),
    Pick(label="MSAB", recipient=r"^MSAB\b", at_most=5),
    Pick(label="Oxygen Forensics", recipient=r"^OXYGEN FORENSICS\b", at_most=5),
    Pick(label="BI Incorporated", recipient=r"^B\.I\. INCORPORATED\b"),
    Pick(label="Elbit America", recipient=r"^ELBITAMERICA\b|^ELBIT SYSTEMS\b"),
    Pick(label="Motorola", recipient=r"^MOTOROLA SOLUTIONS\b", at_most=3),
    Pick(label="L3Harris", recipient=r"^L3HARRIS\b", at_most=6),
    Pick(label="TransUnion", recipient=r"^TRANS ?UNION\b"),
    Pick(label="Rapiscan", recipient=r"^RAPISCAN\b", at_most=4),
    Pick(label="Leonardo", recipient=r"^LEONARDO US CYBER\b"),
)

# Awards from other recipients, mostly resellers, whose action text names a vendor. All are chosen except radios and
# Tasers, which are many. FALCON is Palantir's system at ICE; its support is bought from others.
BY_TEXT = (
    Pick(label="Cellebrite, resold", description=r"\bCELLEBRITE\b|\bUFED\b|\bINSEYETS\b"),
    Pick(label="GrayKey, resold", description=r"\bGR[AE]Y ?KEY\b|\bGR[AE]Y ?SHIFT\b"),
    Pick(label="Magnet, resold", description=r"\bMAGNET AXIOM\b|\bMAGNET FORENSICS\b|\bAXIOM CORE\b"),
    Pick(label="Babel Street, resold", description=r"\bBABEL STREET\b|\bLOCATE ?X\b"),
    Pick(label="PenLink, resold", description=r"\bPEN-?LINK\b"),
    Pick(label="ShadowDragon, resold", description=r"\bSHADOW ?DRAGON\b|\bSOCIALNET\b"),
    Pick(label="Giant Oak, resold", description=r"\bGIANT OAK\b"),
    Pick(label="Skydio, resold", description=r"\bSKYDIO\b"),
    Pick(label="Fivecast, resold", description=r"\bFIVECAST\b"),
    Pick(label="Dataminr, resold", description=r"\bDATAMINR\b"),
    Pick(label="MSAB, resold", description=r"\bXRY\b|\bMSAB\b"),
    Pick(label="Oxygen, resold", description=r"\bOXYGEN FORENSIC"),
    Pick(label="Palantir, by others", description=r"\bPALANTIR\b|\bFALCON (TRAINING|SUPPORT|TO SUPPORT)\b"),
    Pick(label="Axon, resold", recipient=r"^AARDVARK$", description=r"\bTASER", at_most=3),
    Pick(label="Motorola, resold", description=r"\bMOTOROLA\b", at_most=2),
)

# Vendors and products of a longer watchlist, which are not chosen as ordinary awards.
OTHERS_WATCHED = (
    Pick(
        label="",
        description=r"FORENSIC|\bBERLA\b|RECORDED FUTURE|\bTRM LABS\b|SKOPENOW|FLASHPOINT|MALTEGO|DARKOWL|HOOTSUITE"
        r"|\bAMPED\b|\bCOINBASE\b|CIPHERTRACE|\bVIRUSTOTAL\b|SURVEILLANCE|\bDRONES?\b|\bS?UAS\b|\bFLIR\b|LICENSE PLATE"
        r"|BIOMETRIC|FINGERPRINT|\bDNA\b|CROSSMATCH|SOCIAL MEDIA|\bEQUIFAX\b|\bEXPERIAN\b|\bENCASE\b|\bNUIX\b|PASSWARE"
        r"|INTERCEPT|TRAFFIC JAM|AUTHENTIC8",
    ),
    Pick(label="", recipient=r"^AMENTUM\b|^DEV TECHNOLOGY GROUP\b|^AT&T\b|^KHARON\b"),
)

# Awards that must not match, although a word of theirs looks like a vendor or product.
TRAPS = (
    # Kharon's product "ClearView" is not Clearview AI.
    Pick(label="trap: Kharon ClearView", recipient=r"^1NTEGER\b", description=r"\bCLEARVIEW\b"),
    Pick(label="trap: other Paragons", recipient=r"^PARAGON (SYSTEMS|MICRO)\b", at_most=6),
    Pick(label="trap: Paragon guards", recipient=r"^PARAGON PROFESSIONAL\b", at_most=4),
    Pick(label="trap: not Vigilant", recipient=r"^EVIGILANT\.COM\b"),
    Pick(label="trap: not Cognitec", recipient=r"^COGNITECH\b"),
    Pick(label="trap: CLEAR names", recipient=r"^(AQUA CLEAR|CLEAR CONNECT|CLEAR CLOUD|CLEARAVENUE)\b"),
    Pick(label="trap: clear things", description=r"\bCLEAR TRASH BAGS?\b|NONMARKING/CLEAR", at_most=4),
    Pick(label="trap: not L3Harris", recipient=r"^(A&A HARRIS|HARRIS & STEWART|W\. HARRIS)\b", at_most=5),
    Pick(label="trap: not Magnet", recipient=r"^MAGNET YOUR EVENT\b"),
    Pick(label="trap: magnets", description=r"\b(AIR)?MAGNET(OMETER|IC| SURVEY|O OPTICAL|\.)", at_most=7),
    Pick(label="trap: other Falcons", description=r"\bFALCON (ENDPOINT|FORENSICS|MOBILE|NEO|DAM)\b|\bGOTHAM\b"),
    Pick(label="trap: Chrysler Voyager", description=r"\bVOYAGERS\b"),
    Pick(label="trap: oak, shadow", recipient=r"^OAK GROVE\b"),
    Pick(label="trap: shadow box", description=r"\bSHADOW BOX\b"),
    Pick(label="trap: Sky...", recipient=r"^(SKYHAWK|SKYMIRA|SKYEPOINT|SKYWAVE|SKY HIGH|KNIGHT SKY)\b", at_most=5),
    Pick(label="trap: rapid tests", recipient=r"^ABBOTT RAPID\b", at_most=1),
    Pick(label="trap: Gray", recipient=r"^J\. GRAY\b"),
    Pick(label="trap: Thomson", recipient=r"^KATHERINE J THOMSON\b"),
    Pick(label="trap: The Arc", recipient=r"^THE ARC OF\b"),
    Pick(label="trap: not Pen-Link", description=r"\bLINK ?16\b|\bSTARLINK\b", at_most=2),
    Pick(label="trap: elliptical", description=r"\bELLIPTICALS\b"),
)

# Ordinary awards, some from the very resellers above, chosen for variety: they must not match either.
ORDINARY = (
    Pick(label="ordinary: PANAMERICA", recipient=r"^PANAMERICA COMPUTERS\b", at_most=5),
    Pick(label="ordinary: THUNDERCAT", recipient=r"^THUNDERCAT\b", at_most=5),
    Pick(label="ordinary: CARAHSOFT", recipient=r"^CARAHSOFT\b", at_most=5),
    Pick(label="ordinary: SNAP", recipient=r"^SNAP, INC\b", at_most=5),
    Pick(label="ordinary: BLUE TECH", recipient=r"^BLUE TECH\b", at_most=4),
    Pick(label="ordinary: FS PARTNERS", recipient=r"^FS PARTNERS\b", at_most=4),
    Pick(label="ordinary: ATLANTIC DIVING", recipient=r"^ATLANTIC DIVING SUPPLY\b", at_most=4),
    Pick(label="ordinary: less-than sign", description=r"<"),
    Pick(label="ordinary: quotes", description=r'"', at_most=5),
    Pick(label="ordinary: apostrophes", description=r"\b[A-Z]+'S\b", at_most=4),
    Pick(label="ordinary: ampersand names", recipient=r"&", at_most=5),
    Pick(label="ordinary: janitors", description=r"\bJANITORIAL\b", at_most=5),
    Pick(label="ordinary: food and lodging", description=r"\bMEALS\b|\bCATERING\b", at_most=3),
    Pick(label="ordinary: horses and dogs", description=r"\bHORSES?\b|\bCANINE FOOD\b|\bHAY\b", at_most=4),
    Pick(label="ordinary: ammunition", description=r"\bAMMUNITION\b", at_most=3),
    Pick(label="ordinary: towing", description=r"\bTOWING\b", at_most=3),
    Pick(label="ordinary: interpreters", description=r"\bINTERPRET(ER|ATION)\b", at_most=3),
)

Row = dict[str, str]


def read_actions(source: Path) -> dict[str, list[Row]]:
    """Return the rows of the extract by award key, exact repetitions dropped (the extract was paged from a search)."""
    awards: dict[str, list[Row]] = defaultdict(list)
    with gzip.open(source, "rt", newline="") if source.suffix == ".gz" else source.open(newline="") as text:
        reader = csv.DictReader(text)
        if tuple(reader.fieldnames or ()) != COLUMNS:
            raise SystemExit(f"{source}: expected the columns {COLUMNS}, found {reader.fieldnames}")
        for row in reader:
            if row not in awards[row["Generated Award ID"]]:
                awards[row["Generated Award ID"]].append(row)
    return awards


def chosen(pick: Pick, awards: dict[str, list[Row]], taken: Iterable[str]) -> list[str]:
    """Return the keys of the awards that `pick` chooses among those not yet `taken`."""
    name, text = re.compile(pick.recipient), re.compile(pick.description)
    found = [
        key
        for key, rows in awards.items()
        if key not in taken
        and any(name.search(row["Recipient Name"].upper()) for row in rows)
        and any(text.search(row["Transaction Description"].upper()) for row in rows)
    ]
    return sorted(found, key=lambda key: (-len(awards[key]), key))[: pick.at_most]


def selection(awards: dict[str, list[Row]]) -> dict[str, str]:
    """Return {award key: why it was chosen} for the whole corpus, in order of choice.

    A pattern's limit never lets an award in by the back door: what a vendor's own name would choose is not chosen by
    its text, and what any vendor's pattern would choose is never a trap or ordinary.
    """
    reasons: dict[str, str] = {}
    for pick in BY_NAME:
        reasons |= dict.fromkeys(chosen(pick, awards, reasons), pick.label)
    named = everything(BY_NAME, awards)
    for pick in BY_TEXT:
        reasons |= dict.fromkeys(chosen(pick, awards, {*reasons, *named}), pick.label)
    concerned = named | everything((*BY_TEXT, *OTHERS_WATCHED), awards)
    for pick in (*TRAPS, *ORDINARY):
        reasons |= dict.fromkeys(chosen(pick, awards, {*reasons, *concerned}), pick.label)
    return reasons


def everything(picks: Iterable[Pick], awards: dict[str, list[Row]]) -> set[str]:
    """Return the keys of all awards that any of `picks` would choose if it had no limit."""
    return {key for pick in picks for key in chosen(replace(pick, at_most=len(awards)), awards, ())}


def award_of(key: str, rows: Sequence[Row]) -> CorpusAward:
    """Return the award that `rows`, all the extract's actions of one key, describe.

    The key is taken apart from its known ends (the PIID stands in a column of its own) and must rebuild exactly.
    Recipient, PSC and NAICS are those of the latest action, as USAspending shows an award.
    """
    piid = rows[0]["Award ID"]
    agency, parent_piid, parent_agency = key.removeprefix(f"CONT_AWD_{piid}_").split("_")
    ordered = sorted(rows, key=lambda row: (row["Action Date"], row["Modification"]))
    signed = next((row["Action Date"] for row in ordered if row["Modification"] == "0"), None)
    award = CorpusAward(
        piid=piid,
        agency=agency,
        parent_piid=None if parent_piid == BLANK else parent_piid,
        parent_agency=None if parent_agency == BLANK else parent_agency,
        recipient_name=ordered[-1]["Recipient Name"],
        date_signed=date.fromisoformat(signed) if signed else None,
        psc_description=ordered[-1]["Product/Service Description"] or None,
        naics_description=ordered[-1]["NAICS Description"] or None,
        actions=[action_of(row) for row in ordered],
    )
    if award.key != key:
        raise SystemExit(f"the key {key} does not follow from its parts")
    return award


def action_of(row: Row) -> CorpusAction:
    """Return one row of the extract as an action; its amount keeps the extract's value exactly, in cents."""
    return CorpusAction(
        modification=row["Modification"],
        action_date=date.fromisoformat(row["Action Date"]),
        obligation=Decimal(row["Federal Action Obligation"]).quantize(Decimal("0.01")),
        description=row["Transaction Description"],
    )


def corpus_of(source: Path, awards: Sequence[CorpusAward]) -> dict[str, Any]:
    """Return the content of the corpus file."""
    return {
        "origin": {
            "file": source.name,
            "sha256": hashlib.sha256(source.read_bytes()).hexdigest(),
            "what": f"Contract actions of {' and '.join(SUB_AGENCIES.values())}",
            "fiscal_years": [2021, 2022, 2023, 2024],
            "publisher": "USAspending.gov, U.S. Department of the Treasury (public record, CC0)",
        },
        "awards": [to_json(award) for award in awards],
    }


def packed(content: object) -> bytes:
    """Return JSON, compressed without a time stamp, so that the bytes are reproducible."""
    text = json.dumps(content, ensure_ascii=False, separators=(",", ":"), sort_keys=True)
    return gzip.compress(text.encode(), compresslevel=9, mtime=0)


def recording() -> dict[str, Any]:
    """Return what a poll of the whole watchlist fetches from the fake USAspending, in the order in which it does."""
    source, stored, awards = Usaspending(), Memory(), []
    window = poll_window(LAST_DAY, None, None, Lookback(signed=DAYS, sweep=DAYS))
    with (
        FakeUsaspending(load_corpus()) as server,
        Client(source.name, base_url=server.base_url, rate_limit=RateLimit(seconds_between=0)) as client,
    ):
        for step in source.poll_steps(search_terms(load_watchlist().vendors), window):
            for item in source.fetch(client, step, stored):
                if isinstance(item, Payload) and item.key not in stored.read:
                    stored.read.add(item.key)
                    awards.append(_recorded(item))
    return {"origin": read_corpus()["origin"], "recorded": datetime.now(UTC).isoformat(), "awards": awards}


def _recorded(payload: Payload) -> dict[str, Any]:
    documents = [
        {
            "path": urlsplit(one.url).path,
            "request": one.request,
            "retrieved": one.retrieved_at.isoformat(),
            "body": one.body.decode(),
        }
        for one in payload.documents
    ]
    return {"key": payload.key, "revision": payload.revision, "documents": documents}


def main() -> None:
    """Read the extract named on the command line, choose, write, and log how many awards each reason brought."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("extract", type=Path, nargs="?", help="the CSV (or .csv.gz) of contract actions")
    source = parser.parse_args().extract
    logging.basicConfig(format="%(message)s")
    log.setLevel(logging.INFO)
    if source:
        write_corpus(source)
    content = recording()
    RECORDING.write_bytes(packed(content))
    log.info("%d awards -> %s", len(content["awards"]), RECORDING)


def write_corpus(source: Path) -> None:
    """Write the corpus file, and log how many awards each reason brought."""
    actions = read_actions(source)
    reasons = selection(actions)
    awards = sorted((award_of(key, actions[key]) for key in reasons), key=lambda award: award.key)
    CORPUS.write_bytes(packed(corpus_of(source, awards)))
    for label in dict.fromkeys(reasons.values()):
        log.info("%4d  %s", sum(reason == label for reason in reasons.values()), label)
    log.info("%d awards, %d actions -> %s", len(awards), sum(len(a.actions) for a in awards), CORPUS)


if __name__ == "__main__":
    main()
