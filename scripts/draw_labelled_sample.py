"""Draws the records to be labelled by hand from a public extract of ICE and CBP contract actions.

In: a CSV (plain or .gz) of USAspending contract actions with the columns named in `benchmarks.extracts.COLUMNS`.
Out: one JSON object a line, each a record's facts and the pool it was drawn from, without any label; the same lines
for the same input. Nothing here is a label, and nothing here knows the matcher: the regular expressions are broad on
purpose, so that both the vendor and what merely resembles it are drawn. Run it from the repository's root:

    python -m scripts.draw_labelled_sample PATH/TO/cbp_ice_transactions_fy2021_2024.csv.gz candidates.jsonl
"""

from __future__ import annotations

import argparse
import csv
import gzip
import hashlib
import io
import json
import logging
import re
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.extracts import COLUMNS

SEED = "procurewatch labelled set 1"
PER_AWARD = 4
PER_VENDOR = 40
PER_WIDE_VENDOR = 12  # an integrator or carrier whose purchases are mostly something else
PER_PHRASE = 40
PER_LOOKALIKE = 4
FURTHER_OF_AN_AWARD, FURTHER_ACTIONS = 3, 170
QUIET_RESELLER, QUIET_OTHER, ORDINARY = 50, 50, 315
log = logging.getLogger("draw_labelled_sample")

Record = dict[str, str]

# Recipients that are, or belong to, a watched vendor: pool name -> start of the recipient's name.
VENDOR_NAMES = {
    "atsc": r"ADVANCED TECHNOLOGY SYSTEMS COMPANY", "arc": r"AIRLINES REPORTING", "altana": r"ALTANA",
    "amazon": r"AMAZON WEB", "amped": r"AMPED", "ande": r"ANDE COR", "anduril": r"ANDURIL", "avail": r"AVAIL F",
    "avantus": r"AVANTUS", "aware": r"AWARE INC", "axon": r"AXON ", "bi": r"B\.I\. ", "babel": r"BABEL",
    "barbaricum": r"BARBARICUM", "berla": r"BERLA", "black-marlin": r"BLACK MARLIN", "bode": r"BODE ",
    "drt": r"DIGITAL RECEIVER", "brinc": r"BRINC", "callyo": r"CALLYO", "cellebrite": r"CELLEBRITE",
    "chainalysis": r"CHAINALYSIS", "ciphertrace": r"CIPHERTRACE", "clearview": r"CLEARVIEW", "cobwebs": r"COBWEBS",
    "coinbase": r"COINBASE", "coverttrack": r"COVERTTRACK", "cross-match": r"CROSS MATCH", "dedrone": r"DEDRONE",
    "digital-intelligence": r"DIGITAL INTELL", "dtc": r"DTC COMM", "eastcor": r"EASTCOR", "echodyne": r"ECHODYNE",
    "ej2": r"EJ2 ", "elbit": r"ELBIT", "elliptic": r"ELLIPTIC", "ensurity": r"ENSURITY", "cogent": r"GEMALTO",
    "geospark": r"GEOSPARK", "giant-oak": r"GIANT OAK", "gtl": r"GLOBAL TEL",
    "guidance": r"GUIDANCE SOFT", "i2": r"I2, ", "iproov": r"IPROOV", "iritech": r"IRITECH", "jdl": r"JDL ",
    "jsi": r"JSI ", "lafayette": r"LAFAYETTE", "leadsonline": r"LEADSONLINE", "leonardo": r"LEONARDO",
    "lexisnexis": r"LEXISNEXIS", "relx": r"RELX", "magnet": r"MAGNET FOREN|GRIFFEYE", "marinus": r"MARINUS",
    "matroid": r"MATROID", "mcq": r"MCQ INC", "msab": r"MSAB", "nlets": r"NATIONAL LAW ENFORCEMENT TEL",
    "ntrepid": r"NTREPID", "octasic": r"OCTASIC", "orbital": r"ORBITAL INS", "oxygen": r"OXYGEN FOR",
    "packet": r"PACKET FOR", "palantir": r"PALANTIR", "paragon": r"PARAGON SOLUTIONS", "paterva": r"PATERVA",
    "pen-link": r"PEN-LINK", "sayari": r"SAYARI", "skopenow": r"SKOPENOW", "ssg": r"SPECIAL SERVICES GROUP",
    "starchase": r"STARCHASE", "sumuri": r"SUMURI", "susteen": r"SUSTEEN", "tactical-micro": r"TACTICAL MICRO",
    "teal": r"TEAL DR", "tosv": r"TECHOPS SPEC", "teel": r"TEEL", "flir": r"TELEDYNE", "thomson": r"THOMSON",
    "west": r"WEST PUB", "thorn": r"THORN", "thruwave": r"THRUWAVE", "trans-union": r"TRANS UNION",
    "trm": r"TRM LABS", "vantage": r"VANTAGE ROB", "venntel": r"VENNTEL", "volexity": r"VOLEXITY",
    "whooster": r"WHOOSTER",
}  # fmt: skip
WIDE_VENDOR_NAMES = {
    "amentum": r"AMENTUM", "pae": r"PAE ", "att": r"AT&T ", "att-mobility": r"ATT MOB", "booz-allen": r"BOOZ",
    "caci": r"CACI", "capgemini": r"CAP ?GEMINI", "commdex": r"COMMDEX", "constellation": r"CONSTELLATION INC",
    "csra": r"CSRA", "devtech": r"DEV TECH", "dnb": r"DUN & B", "equifax": r"EQUIFAX", "experian": r"EXPERIAN",
    "gdit": r"GENERAL DYNAMICS (INFO|ONE|MISSION)", "ga": r"GENERAL ATOMICS", "geo-group": r"THE GEO GROUP",
    "idx": r"IDENTITY THEFT", "l3harris": r"L3HARRIS", "leidos": r"LEIDOS", "lockheed": r"LOCKHEED",
    "mantech": r"MANTECH", "motorola": r"MOTOROLA", "northrop": r"NORTHROP", "omniplex": r"OMNIPLEX",
    "opentext": r"OPEN TEXT", "peraton": r"PERATON", "saic": r"SCIENCE APP", "snc": r"SIERRA NEVADA",
    "sita": r"SITA INF", "sosi": r"SOS INTER", "thermo": r"THERMO (EL|SC)", "unisys": r"UNISYS",
}  # fmt: skip

# Recipients that only resemble one.
LOOKALIKE_NAMES = {
    "integer": r"1NTEGER", "clear": r"CLEAR |CLEARAV|AQUA CLEAR|ALL CLEAR", "cognitech": r"COGNITECH",
    "constellation": r"STELLA JV", "credence": r"CREDENCE", "evigilant": r"EVIGILANT",
    "harris": r"HARRIS |A&A HARRIS", "w-harris": r"W\. HARRIS", "i-2-i": r"I-2-I|IG, ", "k2": r"K2 ",
    "kore": r"KORE |HUBSTREAM|BLACKRAINBOW", "mcq": r"MCQ CON", "paragon": r"PARAGON (SYS|PRO|MIC)",
    "pathfinder": r"PATHFINDER", "pegasus": r"PEGASUS", "planet": r"PLANET ", "riva": r"RIVA",
    "sos": r"INTERNATIONAL SOS|SOS SOL", "vound": r"VOUND|SAFER SOC", "techop": r"TECHOP SOL",
    "gd-ordnance": r"GENERAL DYNAMICS (- |ORD)", "boeing": r"(THE )?BOEING", "eotech": r"L-3 COMM",
    "jacobs": r"JACOBS", "logos": r"LOGOS", "thales": r"THALES", "entrust": r"ENTRUST",
    "guardian": r"GUARDIAN|K-9 GUARDIAN", "horizon": r"HORIZON|NEW HORIZONS", "stop": r"STOP ?STICK|STOPLAND",
    "magnet": r"MAGNET YOUR|MAGNASYNC|MAGRITEK", "arc": r"ARC - |ARC PRO|THE ARC ", "near": r"NEAR ME",
    "maven": r"MAVEN|MAYVIN", "raven": r"RAVEN", "geo": r"GEO |GEO-|GEO4S", "datawatch": r"DATAWATCH",
    "blue": r"BLUEHALO|BLACKHAWK|BLUEPATH",
    "iris": r"IRIS |RAMOS, IRIS|IDENTIV", "evident": r"EVIDENT",
    "persistent": r"PERSISTENT SYS|REGULA |SENTRILLION",
    "spotlight": r"SPOTLIGHT|SAFEGUARD|SPECIALTY",
    "data": r"DATA (FACTS|SYS)|DATACURE|DATAMATION",
    "social": r"SNAP, INC|SITARA|SITEL",
    "thorn": r"THORNTON|THURSTON|GRANT THORN",
    "fisher": r"FISHER SCI|THERMOFELT", "sikorsky": r"SIKORSKY|ENGILITY|BLUESTONE|SONTIQ",
    "hub": r"CHILD RESCUE|CAMERAFOR|GETDATA|IPQUAL|QINTEL|PANJIVA", "gotham": r"NIGHTWING",
    "liferaft": r"LIFE(SAV|SPAN|CARE|HEALTH)",
}  # fmt: skip

# Words in a description that name a vendor or product, or look as if they did.
PHRASES = {
    "clearview": r"CLEAR ?VIEW|KHARON", "nec": r"\bNEC\b|NEO ?FACE|NEOSCAN", "traffic-jam": r"TRAFFIC JAM|MARINUS",
    "amazon": r"REKOGNITION|AMAZON (WEB|WES)", "rvss": r"\bRVSS|REMOTE VIDEO SURV|CSRA\b",
    "gd": r"GENERAL DYNAMICS|GDIT", "pae": r"\bPAE\b", "rapid-dna": r"RAPID ?DNA",
    "thermo": r"\bTHERMO\b|THERMO ?FISHER|RAPID ?HIT", "aware": r"\bAWARE\b", "fortify": r"\bFORTIFY\b",
    "thorn": r"THORN", "intelcenter": r"INTEL ?CENTER", "unisys": r"UNISYS", "iris": r"\bIRIS",
    "crossmatch": r"CROSS ?-?MATCH|L SCAN|GUARDIAN", "kojak": r"KOJAK|WATSON MINI",
    "cellebrite": r"CELL?[EIA]?BRI|\bUFED|INSEYET|PHYSICAL ANALY|PATHFINDER|\bRESPONDER\b|CELEBR",
    "graykey": r"GR[AE]Y ?-?KEY|GR[AE]Y ?-?SHIFT|VERA ?KEY", "magnet": r"MAGNET|\bAXIOM\b|GRIFF?EYE|NETCLEAN",
    "msab": r"\bMSAB\b|\bXRY|XAMN", "berla": r"BERLA|\bIVE\b|INFOTAINMENT", "avail": r"\bAVAIL\b",
    "volexity": r"VOLEXITY", "blackbag": r"BLACK ?BAG|MACQUISITION|BLACK ?LIGHT\b", "oxygen": r"OXYGEN",
    "susteen": r"SUSTEEN|DATAPILOT", "encase": r"EN ?CASE\b|OPEN ?TEXT", "tableau": r"TABLEA?U",
    "exterro": r"EXTERRO|ACCESS ?DATA|\bFTK", "nuix": r"NUIX", "passware": r"PASS ?WARE",
    "fred": r"\bFRED\b|DIGITAL INTELL", "adf": r"\bADF\b|TRIAGE", "tahoe": r"TAHOE|PHANTOM",
    "sumuri": r"SUMURI|TALINO|RECON ITR|PALADIN", "verint": r"VERINT|GAMMA", "harris": r"HARRIS|\bL-?3\b|ARROWHEAD",
    "drt": r"\bDRT\b|DIGITAL RECEIVER", "cell-site": r"CELL ?-?SITE|\bCSS\b", "dtc": r"\bDTC\b",
    "intella": r"INTELLA", "babel": r"BABEL|LOCATE ?X\b|ROSETT", "venntel": r"VENN?TEL", "planet": r"\bPLANET\b",
    "orbital": r"ORBITAL INS", "penlink": r"PEN ?-?LINK|COBWEB|TANGLES|WEBLOC", "shadow": r"SHADOW|SOCIAL ?NET\b",
    "fivecast": r"FIVE ?CAST|ONYX", "zignal": r"ZIGNAL|DATA ?-?MINR|FIRST ALERT", "gost": r"GIANT ?OAK|\bGOST\b",
    "skopenow": r"S[KC]OPE ?NOW", "nexis": r"NEX[IU]SXPLORE|LEXIS|SONEXIS|ACCURINT", "voyager": r"VOYAGER",
    "sonar": r"SONAR", "idx": r"IDENTITY THEFT", "flashpoint": r"FLASH ?POINT", "recorded": r"RECORDED FUT",
    "maltego": r"MALTEG", "hootsuite": r"HOOT ?SUITE", "whooster": r"WHOOSTER",
    "falcon": r"\bFALCON\b|GOTHAM|FOUNDRY|PALANTIR", "icm": r"INVESTIGATIVE CASE MAN",
    "clear": r"\bCLEAR\b|REUTERS|WESTLAW", "arc": r"\bARC\b", "trac": r"\bTRAC\b", "dnb": r"\bD&B\b|\bDNB\b|DUN &",
    "sayari": r"SAYARI?\b", "altana": r"ALTANA", "raven": r"\bRAVEN\b", "nlets": r"NLETS",
    "i2": r"\bI2\b|ANALYST'S NOTE", "siren": r"\bSIREN", "saic": r"\bSAIC\b", "mantech": r"\bMANTECH\b",
    "motorola": r"MOTOROLA|VIGILANT|CALLYO", "insight": r"HYAS INSIGHT|\bREVEAL\b|PREMISE",
    "lpr": r"\bA?LPRS?\b|LICENSE PLATE|PLATE READER", "ast": r"\bAST\b|AUTONOMOUS SURV|\bIFT\b",
    "flir": r"\bFLIR\b|TELEDYNE", "telephonic": r"TELEPHONIC\b|\bMSC\b|MOBILE SURV", "tars": r"\bTARS\b|AEROSTAT",
    "mq9": r"MQ-? ?9|PREDATOR", "skydio": r"SK?YDI?O|SKDIO|\bX2D\b|X10D", "teal": r"\bTEAL\b",
    "vantage": r"\bVANTAGE|FILEVANTAGE|\bADVANTAGE\b|VESPER", "parrot": r"PARROT|ANAFI", "lemur": r"LEMUR|LOKI",
    "airship": r"AIRSHIP|\bJDL\b", "mvss": r"MOBILE VIDEO SURV|\bMVSS\b", "axon": r"AXON", "taser": r"TASER",
    "body-worn": r"BODY ?-?WORN|BODY CAM", "getac": r"GETAC|PANASONIC|ARBITRATOR\b",
    "isap": r"\bISAP|ALTERNATIVES TO DET|\bATD\b", "stop": r"\bSTOP\b", "leads": r"LEADS ?ONLINE|LEAD GENERATION",
    "lims": r"\bLIMS\b|JUSTICETRAX", "stealth": r"STEALTH|COVERT", "recon": r"\bRECON\b|CYMRU",
    "domaintools": r"DOMAIN ?TOOLS", "milestone": r"MILESTONE", "entrust": r"ENTRUST", "chainalysis": r"CHAINALY",
    "trm": r"\bTRM\b", "ciphertrace": r"CIPHER ?TRACE", "elliptic": r"ELLIPTIC", "tracer": r"COINBASE|\bTRACER\b",
    "polygraph": r"POLYGRAPH|LAFAYETTE", "firstnet": r"NB-RVSS", "suas": r"\bS?UAS\b|DRONE",
    "forensic": r"FORENSIC (SOFT|LIC|EQUIP|TOOL|WORK)|CELL ?PHONE EXTRACT|DIGITAL FORENSIC",
    "tracker": r"GPS TRACK|TRACKERS", "social-media": r"SOCIAL MEDIA|DARK ?WEB|OPEN SOURCE",
    "database": r"LAW ENFORCEMENT (INVESTIGATIVE )?DATABASE", "title-iii": r"TITLE III|INTERCEPT",
    "biometric": r"BIOMETRIC|FACIAL|FINGERPRINT S", "northrup": r"NORTHRU?P\b",
    "sterling": r"\bROC\b|\bSITA\b|\bGOST\b|\bBARK\b|CONSTELLATION|LOCOMOTIVE|PERSONA\b|PRIMER\b|AVIGNON",
}  # fmt: skip
NARROW_PHRASE = {
    "stop": 14, "milestone": 8, "tableau": 8, "telephonic": 6, "fortify": 5, "planet": 8, "raven": 34, "suas": 26,
    "forensic": 16, "tracker": 12, "social-media": 12, "title-iii": 14, "biometric": 18, "polygraph": 10,
    "amazon": 10, "motorola": 20, "entrust": 4, "body-worn": 12, "database": 6, "isap": 8, "lims": 5, "trm": 6,
    "pae": 3, "saic": 4, "getac": 6, "sonar": 4, "unisys": 4, "siren": 2, "encase": 14, "crossmatch": 8, "thorn": 4,
    "magnet": 30, "drt": 12,
}  # fmt: skip
RESELLERS = re.compile(
    r"THUNDERCAT|PANAMERICA|FCN|BLUE TECH|FS PARTNERS|C & C INTER|GOVERNMENT ACQ|FOUR POINTS|CARAHSOFT|SNAP, INC|"
    r"ATLANTIC DIVING|W S DARLEY|GOVPLACE|NEW TECH SOL|WILDFLOWER|SOFTWARE INFORMATION|IMPRES|AFFIGENT|REDHAWK|ALVAREZ"
)
SAYS_NOTHING = re.compile(
    r"^(P\d+\s*[-:]\s*)?(THE PURPOSE OF THIS MOD\w* IS TO )?((ADD|INCREMENTAL|ADDITIONAL|PROVIDE) ?(\w+ )?FUND|"
    r"EXERCISE|CLOSE ?-?OUT|DE-? ?OB|ADMIN|CHANGE|EXTEN|POP |COR |NO[- ]COST|OPTION|CORRECT|CONTRACT CLOSE|UPDATE|"
    r"FUNDING|MODIF)"
)


@dataclass
class Drawing:
    """What has been drawn so far, and how often each award and each pool was drawn from."""

    drawn: dict[tuple[str, str], tuple[Record, str]] = field(default_factory=dict)
    per_award: Counter[tuple[str, str]] = field(default_factory=Counter)

    def draw(self, pool: str, records: Iterable[Record], most: int, *, per_award: int = PER_AWARD) -> list[Record]:
        """Draw at most `most` records that were not drawn yet, few of each award."""
        taken: list[Record] = []
        for record in records:
            award = (pool, record["award_key"])
            if len(taken) == most:
                break
            if _key(record) in self.drawn or self.per_award[award] >= per_award:
                continue
            self.drawn[_key(record)] = (record, pool)
            self.per_award[award] += 1
            taken.append(record)
        return taken


def main(arguments: Sequence[str] | None = None) -> None:
    """Read the extract, draw, and write the candidates."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("extract", type=Path, help="CSV of contract actions, plain or .gz")
    parser.add_argument("output", type=Path, help="JSON Lines file to write")
    options = parser.parse_args(arguments)
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    candidates = draw_sample(list(distinct(read_extract(options.extract))))
    lines = (json.dumps({**record, "pool": pool}, ensure_ascii=False) for record, pool in candidates)
    options.output.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8", newline="\n")
    log.info("%d candidates", len(candidates))


def read_extract(path: Path) -> Iterator[Record]:
    """Each row of the extract under this project's field names, all as text."""
    content = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
    for row in csv.DictReader(io.StringIO(content.decode("utf-8"), newline="")):
        yield {name: row[column].strip() for name, column in COLUMNS.items()}


def distinct(records: Iterable[Record]) -> Iterator[Record]:
    """The records in a stable pseudo-random order, each action once."""
    seen: set[tuple[str, str]] = set()
    for record in sorted(records, key=_chance):
        if _key(record) not in seen:
            seen.add(_key(record))
            yield record


def draw_sample(records: Sequence[Record]) -> list[tuple[Record, str]]:
    """The candidates of every pool, by award and modification."""
    drawing = Drawing()
    for names, most in ((VENDOR_NAMES, PER_VENDOR), (WIDE_VENDOR_NAMES, PER_WIDE_VENDOR)):
        for name, pattern in names.items():
            drawing.draw(f"vendor:{name}", _matching(records, "recipient_name", f"^({pattern})"), most)
    spoken: list[Record] = []
    others = [record for record in records if not _is_vendor(record["recipient_name"])]
    for name, pattern in PHRASES.items():
        most = NARROW_PHRASE.get(name, PER_PHRASE)
        spoken += drawing.draw(f"phrase:{name}", _matching(others, "description", pattern), most)
    for name, pattern in LOOKALIKE_NAMES.items():
        drawing.draw(
            f"lookalike:{name}", _matching(others, "recipient_name", f"^({pattern})"), PER_LOOKALIKE, per_award=3
        )
    _draw_further_actions(drawing, records, spoken)
    _draw_quiet(drawing, others)
    drawing.draw("ordinary", others, ORDINARY, per_award=1)
    return sorted(drawing.drawn.values(), key=lambda drawn: _key(drawn[0]))


def _draw_further_actions(drawing: Drawing, records: Sequence[Record], spoken: Sequence[Record]) -> None:
    """The other actions of awards in whose text something was named: they often name nothing."""
    by_award: defaultdict[str, list[Record]] = defaultdict(list)
    for record in records:
        by_award[record["award_key"]].append(record)
    further = (action for record in spoken for action in by_award[record["award_key"]])
    drawing.draw("further", further, FURTHER_ACTIONS, per_award=FURTHER_OF_AN_AWARD)


def _draw_quiet(drawing: Drawing, others: Sequence[Record]) -> None:
    """Modifications that say only what was done to the contract, of resellers and of anybody."""
    quiet = [record for record in others if SAYS_NOTHING.match(record["description"].upper())]
    resold = [record for record in quiet if RESELLERS.match(record["recipient_name"])]
    drawing.draw("quiet:reseller", resold, QUIET_RESELLER, per_award=1)
    drawing.draw("quiet:other", quiet, QUIET_OTHER, per_award=1)


def _matching(records: Iterable[Record], name: str, pattern: str) -> Iterator[Record]:
    expression = re.compile(pattern, re.IGNORECASE)
    return (record for record in records if expression.search(record[name]))


def _vendor_test() -> Callable[[str], bool]:
    patterns = "|".join([*VENDOR_NAMES.values(), *WIDE_VENDOR_NAMES.values()])
    expression = re.compile(f"({patterns})")
    return lambda name: expression.match(name) is not None


_is_vendor = _vendor_test()


def _key(record: Record) -> tuple[str, str]:
    return record["award_key"], record["modification"]


def _chance(record: Record) -> str:
    return hashlib.sha256("|".join((SEED, *_key(record))).encode()).hexdigest()


if __name__ == "__main__":
    main()
