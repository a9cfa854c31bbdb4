"""Draws the records to be labeled for topics from a public extract of ICE and CBP contract actions.

In: a CSV (plain or .gz) of USAspending contract actions, as scripts/draw_labelled_sample.py reads it.
Out: one JSON object a line, each a record's facts and the stratum it was drawn from, without any label; the same lines
for the same input. The patterns are broad on purpose: they draw what a topic is about and what merely resembles it.
An award that is held out in one labeled set and may be read in the other is not drawn. Run it from the root:

    python -m scripts.draw_topic_sample PATH/TO/cbp_ice_transactions_fy2021_2024.csv.gz candidates.jsonl
"""

from __future__ import annotations

import argparse
import json
import logging
import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from math import ceil
from pathlib import Path

from rapidfuzz.distance import OSA

from benchmarks.labelled import HELD_OUT, part_of, read_labels
from scripts.draw_labelled_sample import Record, distinct, read_extract

PER_AWARD, PER_RECIPIENT = 2, 8
FURTHER, ORDINARY, MISSPELT = 100, 80, 40
SECOND_SHARE = 0.12
log = logging.getLogger("draw_topic_sample")

# Product codes under which surveillance technology is bought, among much else: start of the text -> how many.
PSC = {
    r"UNMANNED AIRCRAFT": 40, r"COMMUNICATIONS SECURITY EQUIPMENT": 26, r"VIDEO RECORDING": 10,
    r"MISCELLANEOUS ALARM, SIGNAL": 16, r"(MAINT|INSTALL|MODIF|OTHER QC|EQUIPMENT AND MAT).*ALARM, SIGNAL": 8,
    r"LABORATORY EQUIPMENT": 6, r"OPTICAL": 8, r"NIGHT VISION": 8, r"CAMERAS, ": 16, r"PHOTOGRAPHIC": 4,
    r"RADIO NAVIGATION": 4, r"RADAR|.*OF RADAR": 8, r".*DATA COLLECTION": 6, r"SPECIAL STUDIES/ANALYSIS- (DATA|INT)": 4,
    r"SUPPORT- PROFESSIONAL: INTELLIGENCE": 8, r"ELECTRONIC COUNTERMEASURES": 8, r".*DATA BROADCASTING": 8,
    r"(OFFICE TYPE )?SOUND RECORDING": 6, r"IT AND TELECOM.*SECURITY AND COMPLIANCE PROD": 4, r".*- SURVEILLANCE": 4,
    r".*COMMUNICATION, DETECTION": 6, r".*LABORATORY TESTING": 4,
}  # fmt: skip

# Head words of topics in a description -> how many. The first mostly mean the topic, the others mostly do not.
HEAD_WORDS = {
    r"DRONE|S?UAS\b|UNMANNED|QUADCOPTER": 44, r"BIOMETRIC|FINGERPRINT|LIVE ?SCAN|IRIS\b": 50,
    r"FACIAL|FACE\b|RECOGNITION": 14, r"DNA\b|GENEALOG": 20,
    r"FORENSIC|EXTRACTION|UNLOCK|DIGITAL EVIDENCE|MOBILE DEVICE": 80, r"INFOTAINMENT|BLOCK ?CHAIN|CRYPTO": 8,
    r"CELL ?SITE|IMSI|DIRECTION FIND|INTERCEPT|WIRE ?TAP|TITLE III|PEN REGISTER": 36,
    r"TOLL\b|CALL DETAIL|PHONE RECORD|SUBPOENA|NET ?FLOW": 6, r"COVERT|CONCEAL|UNDERCOVER|TRACKER|GPS|BEACON": 40,
    r"SOCIAL MEDIA|OPEN SOURCE|DARK ?WEB|OSINT|PUBLICLY AVAILABLE|ATTRIBUTION": 22,
    r"SKIP ?TRAC|LOCATE SERV|ADDRESS VERIF|PROCESS SERV|SAFETY VERIF": 8,
    r"LICEN[SC]E PLATE|PLATE (READ|REC)|LPRS?\b": 24, r"BODY.?(WORN|CAM)": 14,
    r"SURVEILLANCE|AEROSTAT|RADAR": 60, r"INVESTIGATIVE DATA|VETTING|DATA ANALY": 24,
    r"TOWERS?\b|SENSORS?\b": 26,
}  # fmt: skip
OTHER_WORDS = {
    r"CAMERA": 26, r"VIDEO": 14, r"MICROPHONE|RECORDER|AUDIO|LISTENING": 12,
    r"DATABASE|PUBLIC RECORD|INVESTIGATIVE": 20, r"LOCATION|GEOLOC|TELEMETRY|ADVERTISING": 6,
    r"SCREENING|RISK|THREAT": 16, r"PLATES?\b": 6, r"TRACKING": 12,
    r"ANALYTIC|LINK ANALYSIS": 10, r"ANKLE|MONITOR": 14, r"IDENTITY|VERIFICATION": 8, r"INTELLIGENCE|EXPLOITATION": 14,
    r"HASH\b|IMAGE\b|THERMAL|NIGHT VISION|X-RAY": 12, r"SIMULATOR|TRAFFIC|INTERNET|TELEMATIC|SWAB": 8,
}  # fmt: skip

SPELLED = [
    "BIOMETRIC",
    "FINGERPRINT",
    "FORENSIC",
    "UNMANNED",
    "AIRCRAFT",
    "SURVEILLANCE",
    "INTERCEPT",
    "CAMERA",
    "DRONES",
    "TRACKING",
    "TRACKER",
    "COVERT",
    "FACIAL",
    "RECOGNITION",
    "LICENSE",
    "INVESTIGATIVE",
    "INTELLIGENCE",
    "MONITORING",
    "TOWERS",
    "SENSORS",
    "DATABASE",
    "LOCATION",
    "ANALYTICS",
]


@dataclass
class Drawing:
    """What has been drawn so far, and how often from each award and recipient."""

    drawn: dict[tuple[str, str], tuple[Record, str]] = field(default_factory=dict)
    per_award: Counter[str] = field(default_factory=Counter)
    per_recipient: Counter[str] = field(default_factory=Counter)

    def draw(self, stratum: str, records: Iterable[Record], most: int, *, per_award: int = PER_AWARD) -> None:
        """Draw at most `most` records that were not drawn yet, few of each award and recipient."""
        taken = 0
        for record in records:
            award, recipient, key = record["award_key"], record["recipient_name"], _key(record)
            full = self.per_award[award] >= per_award or self.per_recipient[recipient] >= PER_RECIPIENT
            if taken < most and key not in self.drawn and not full:
                self.drawn[key] = (record, stratum)
                self.per_award[award] += 1
                self.per_recipient[recipient] += 1
                taken += 1


def main(arguments: Sequence[str] | None = None) -> None:
    """Read the extract, draw, and write the candidates."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("extract", type=Path, help="CSV of contract actions, plain or .gz")
    parser.add_argument("output", type=Path, help="JSON Lines file to write")
    options = parser.parse_args(arguments)
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    elsewhere = {label.award_key: label.part for label in read_labels()}
    records = [
        record
        for record in distinct(read_extract(options.extract))
        if elsewhere.get(record["award_key"], part_of(record["award_key"])) == part_of(record["award_key"])
    ]
    candidates = draw_sample(records)
    lines = (json.dumps({**record, "stratum": stratum}, ensure_ascii=False) for record, stratum in candidates)
    options.output.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8", newline="\n")
    log.info("%d candidates: %s", len(candidates), dict(Counter(stratum for _, stratum in candidates)))


def draw_sample(records: Sequence[Record]) -> list[tuple[Record, str]]:
    """Return the candidates of every stratum, by award and modification.

    Of the awards that are in the other labeled set, most held-out ones are missing. Held-out awards are therefore drawn
    a second time, with new limits and a share of the numbers that brings them to a third.
    """
    drawing = Drawing()
    _draw_strata(drawing, records, 1)
    first = set(drawing.drawn)
    again = Drawing(drawn=drawing.drawn)
    held_out = [record for record in records if part_of(record["award_key"]) == HELD_OUT and _key(record) not in first]
    _draw_strata(again, held_out, SECOND_SHARE)
    return sorted(again.drawn.values(), key=lambda drawn: _key(drawn[0]))


def _draw_strata(drawing: Drawing, records: Sequence[Record], share: float) -> None:
    """Draw from all strata, `share` of the number of each."""
    for pattern, most in HEAD_WORDS.items():
        drawing.draw("head-words", _matching(records, "description", rf"\b({pattern})"), ceil(most * share))
    drawing.draw("further", _further(drawing, records), ceil(FURTHER * share), per_award=PER_AWARD + 1)
    for pattern, most in OTHER_WORDS.items():
        drawing.draw("other-words", _matching(records, "description", rf"\b({pattern})"), ceil(most * share))
    for pattern, most in PSC.items():
        drawing.draw("psc", _matching(records, "psc_text", rf"^({pattern})"), ceil(most * share))
    misspelt = (record for record in records if _is_misspelt(record["description"]))
    drawing.draw("misspelt", misspelt, ceil(MISSPELT * share))
    drawing.draw("ordinary", records, ceil(ORDINARY * share), per_award=1)


def _further(drawing: Drawing, records: Sequence[Record]) -> Iterator[Record]:
    """Yield other actions of the awards drawn so far, one for each: they often name nothing."""
    by_award: defaultdict[str, list[Record]] = defaultdict(list)
    for record in records:
        by_award[record["award_key"]].append(record)
    place = {_key(record): number for number, record in enumerate(records)}
    for key in sorted(drawing.drawn.keys() & place.keys(), key=lambda key: place[key]):
        others = (other for other in by_award[key[0]] if _key(other) not in drawing.drawn)
        yield from list(others)[:1]


def _matching(records: Iterable[Record], name: str, pattern: str) -> Iterator[Record]:
    expression = re.compile(pattern)
    return (record for record in records if expression.search(record[name].upper()))


def _is_misspelt(description: str) -> bool:
    """Whether a text has a word that differs from a head word by one letter, and is not its plural or verb form."""
    words = {word for word in re.findall(r"[A-Z]+", description.upper()) if len(word) > 5}
    return any(
        OSA.distance(word, spelled, score_cutoff=1) == 1 and spelled not in word and word not in spelled
        for word in words
        for spelled in SPELLED
    )


def _key(record: Record) -> tuple[str, str]:
    return record["award_key"], record["modification"]


if __name__ == "__main__":
    main()
