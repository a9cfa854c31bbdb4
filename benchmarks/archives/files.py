"""Write archives of contract actions as USAspending publishes them: `python -m benchmarks.archives.files`.

`extract FILE FOLDER` writes the rows of an extract (benchmarks/extracts.py) as archives, one a fiscal year, in the form
with 297 columns. What the extract does not say is blank.

`generate FILE --rows N [--seed N] [--extract FILE]` writes an archive as large as real ones: some 2.4 KB a row. Names
and descriptions are real, from an extract or the labelled awards (tests/data/labelled), those that match the watchlist
left out; further names are made of their words. One row in a thousand is of a labelled award that matches. Codes and
their texts are FPDS's (values.csv). The same seed gives the same rows.
"""

from __future__ import annotations

import argparse
import csv
import io
import random
import zipfile
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from itertools import accumulate
from pathlib import Path

from benchmarks.extracts import awards_of, csv_rows, read_extract
from benchmarks.labelled import FOLDER, read_awards
from monitors.matching.matcher import Matcher
from monitors.watchlist.loader import load_watchlist
from scripts.build_demo_corpus import action_of, award_of, read_actions
from sources.records import Award
from tests.upstreams.usaspending.archive_rows import Row, archive_row, columns, file_stem, fiscal_year, write_archive

KEY = "Generated Award ID"
PUBLISHED = date(2026, 11, 6)
DEPARTMENT = "070"
ROWS_PER_MEMBER = 1_000_000
ROWS_PER_HIT = 1_000
VALUES = Path(__file__).parent / "values.csv"
VARIANTS = 2_000  # of the columns that are drawn together
RECIPIENTS = 60_000
YEAR_BEGINS = date(2023, 10, 1)


def extract_rows(extract: Path) -> Iterator[Row]:
    """Yield the rows of an extract as rows of an archive, in its order, also those that it repeats."""
    by_key = read_actions(extract)
    awards = {key: award_of(key, rows) for key, rows in by_key.items()}
    for row in csv_rows(extract):
        yield archive_row(awards[row[KEY]], action_of(row))


def write_extract(extract: Path, folder: Path, rows_per_member: int = 4_000) -> list[Path]:
    """Write the rows of an extract as archives, one a fiscal year, and return the files, oldest first."""
    years: dict[int, list[Row]] = defaultdict(list)
    for row in extract_rows(extract):
        years[fiscal_year(date.fromisoformat(row["action_date"]))].append(row)
    files = []
    for year, rows in sorted(years.items()):
        file = folder / f"{file_stem(year, DEPARTMENT, 'Contracts', PUBLISHED)}.zip"
        write_archive(file, columns(), rows, rows_per_member)
        files.append(file)
    return files


@dataclass(frozen=True, slots=True)
class Texts:
    """What the rows of a made-up archive are about: names and descriptions that concern nobody, and awards that do."""

    names: Sequence[str]
    descriptions: Sequence[str]
    hits: Sequence[Award]

    @classmethod
    def read(cls, extract: Path | None = None) -> Texts:
        """Return those of an extract, or of the labelled awards, which are part of the repository."""
        matcher = Matcher(load_watchlist())
        labelled = list(read_awards().values())
        if extract is None:
            files = [FOLDER / "topics_actions.csv.gz", FOLDER / "others_actions.csv.gz"]
            awards = [*labelled, *(award for file in files for award in awards_of(read_extract(file)))]
        else:
            awards = list(awards_of(read_extract(extract)))
        others = [award for award in awards if not matcher.matches(award)]
        names = sorted({award.recipient.name for award in others})
        names = [name for name in _more_names(names) if not _concerns(matcher, others[0], name, "")]
        texts = sorted({action.description for award in others for action in award.actions} - {""})
        texts = [text for text in texts if not _concerns(matcher, others[0], others[0].recipient.name, text)]
        return cls(names, texts, [award for award in labelled if matcher.matches(award)])


def _concerns(matcher: Matcher, award: Award, name: str, description: str) -> bool:
    recipient = replace(award.recipient, name=name)
    return bool(matcher.matches(replace(award, recipient=recipient, description=description, actions=())))


def _more_names(names: Sequence[str]) -> list[str]:
    """Return the names and others made of their first and last words, as many as a year's archive has recipients."""
    chance = random.Random(0)  # noqa: S311  not for security
    words = [name.split() for name in names if len(name.split()) > 1]
    found = dict.fromkeys(names)
    while len(found) < RECIPIENTS:
        first, second, third = (chance.choice(words) for _ in range(3))
        found[f"{first[0]} {second[1]} {third[-1]}"] = None
    return list(found)


def generate(file: Path, rows: int, texts: Texts, seed: int = 1, rows_per_member: int = ROWS_PER_MEMBER) -> None:
    """Write an archive with this many rows."""
    header = ",".join(columns())
    made = MadeUpRows(texts, seed)
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED, allowZip64=True) as archive:
        for member, first in enumerate(range(0, rows, rows_per_member), 1):
            with archive.open(f"{file.stem}_{member}.csv", "w", force_zip64=True) as target:
                target.write(f"{header}\n".encode())
                last = min(first + rows_per_member, rows)
                for start in range(first, last, 1_000):
                    target.write(made.rows(range(start, min(start + 1_000, last))).encode())


class MadeUpRows:
    """The rows of a made-up archive. Columns beside each other are drawn together, from variants made beforehand."""

    def __init__(self, texts: Texts, seed: int) -> None:
        self._texts = texts
        self._chance = random.Random(seed)  # noqa: S311  not for security
        self._columns = columns()
        self._values = _read_values(self._chance)
        self._agencies = self._variants("awarding_agency_code", "sam_exception_description", self._agency)
        self._places = self._variants(
            "primary_place_of_performance_country_code", "type_of_contract_pricing", self._place
        )
        self._facts = self._variants("action_type_code", "highly_compensated_officer_5_amount")
        names = texts.names
        self._recipients = [_line(self._recipient(name)) for name in names]
        self._weights = list(accumulate(1 / (rank + 20) for rank in range(len(names))))
        self._hits = [(_line(self._recipient(award.recipient.name)), _texts_of(award)) for award in texts.hits]

    def rows(self, numbers: Iterable[int]) -> str:
        """Return the lines of the rows with these numbers."""
        return "".join(map(self._row, numbers))

    def _row(self, number: int) -> str:
        draw = self._chance.random
        if number % ROWS_PER_HIT == ROWS_PER_HIT // 2:
            recipient, texts = self._hits[int(draw() * len(self._hits))]
            description = texts[int(draw() * len(texts))]
        else:
            recipient = self._chance.choices(self._recipients, cum_weights=self._weights)[0]
            description = self._description(number)
        award = number // 3
        piid = f"W{award % 977:03}XK{20 + award % 5}F{award:06}"
        parent = f"SPE2DX{16 + award % 9}D{award % 7919:04}" if award % 5 else ""
        modification = "0" if number % 3 == 0 else f"P{number % 3:05}"
        parent_key = f"{parent}_9700" if parent else "-NONE-_-NONE-"
        key = f"CONT_AWD_{piid}_9700_{parent_key}"
        action = f"9700_{'9700' if parent else '-NONE-'}_{piid}_{modification}_{parent or '-NONE-'}_0"
        amount, total, ceiling = (f"{draw() * 10 ** (2 + draw() * 5):.2f}" for _ in range(3))
        day = YEAR_BEGINS + timedelta(days=int(draw() * 366))
        began, ends, modified = (day + timedelta(days=int(draw() * days)) for days in (-900, 1_500, 700))
        clock = f"{number % 24:02}:{award % 60:02}:{int(draw() * 60):02}"
        base = description if number % 3 == 0 else self._texts.descriptions[award % len(self._texts.descriptions)]
        has_parent = "9700,DEPT OF DEFENSE" if parent else ","
        return (
            f"{action},{key},{piid},{modification},0,{has_parent},{parent},{'0' if parent else ''},"
            f"{amount},{total},,{amount},{total},{ceiling},{ceiling},Q,,,,,"
            f"{day},{fiscal_year(day)},{began},{ends},{ends} 00:00:00,,{began},"
            f"{self._draw(self._agencies)},{recipient},{self._draw(self._places)},"
            f"{quoted(description)},{quoted(base)},{self._draw(self._facts)},"
            f"https://www.usaspending.gov/award/{key}/,{day},{modified} {clock}\n"
        )

    def _draw(self, variants: Sequence[str]) -> str:
        return variants[int(self._chance.random() * len(variants))]

    def _description(self, number: int) -> str:
        """Return a real description; as in the real archives, half of them begin with a number of their own."""
        text = self._draw(self._texts.descriptions)
        if number % 2:
            return text
        separator = "\n" if number % 5_000 == 0 else "!"
        return f"{8_500_000_000 + number}{separator}{text}"

    def _variants(self, first: str, last: str, special: Callable[[], Row] = dict) -> list[str]:
        """Return lines for the columns from one to another, some of them special."""
        names = self._columns[self._columns.index(first) : self._columns.index(last) + 1]
        draws = [draw for code, draw in self._values.items() if code in names]
        return [_line(self._block(names, draws, special())) for _ in range(VARIANTS)]

    def _block(self, names: Sequence[str], draws: Sequence[Callable[[], Row]], special: Row) -> list[str]:
        known: Row = {}
        for draw in draws:
            known |= draw()
        known |= special
        return [known[name] if name in known else "" if _is_blank(name) else self._draw("ffffft") for name in names]

    def _agency(self) -> Row:
        chance = self._chance
        code = f"{chance.randrange(1, 98):03}"
        office = f"W{chance.randrange(10_000, 99_999)}"
        row: Row = {}
        for role in ("awarding", "funding"):
            row |= {
                f"{role}_agency_code": code,
                f"{role}_agency_name": "Department of Defense",
                f"{role}_sub_agency_code": "97AS",
                f"{role}_sub_agency_name": "Defense Logistics Agency",
                f"{role}_office_code": office,
                f"{role}_office_name": f"DLA TROOP SUPPORT {office}",
            }
        numbers = sorted(chance.sample(range(100, 9_999), chance.randrange(7)))
        return row | {
            "treasury_accounts_funding_this_award": ";".join(f"097-2024/2024-{number:04}-000" for number in numbers),
            "federal_accounts_funding_this_award": ";".join(f"097-{number:04}" for number in numbers),
            "object_classes_funding_this_award": ";".join(OBJECT_CLASSES[: len(numbers)]),
            "program_activities_funding_this_award": ";".join(f"{n:04}: OPERATION AND MAINTENANCE" for n in numbers),
        }

    def _place(self) -> Row:
        city, county = self._chance.choice(PLACES)
        zip_code = f"{self._chance.randrange(10**8, 10**9)}"
        where = "primary_place_of_performance"
        return {
            f"{where}_country_code": "USA",
            f"{where}_country_name": "UNITED STATES",
            f"{where}_city_name": city,
            f"{where}_county_name": county,
            f"{where}_state_code": "VA",
            f"{where}_state_name": "VIRGINIA",
            f"{where}_zip_4": zip_code,
            "prime_award_transaction_place_of_performance_cd_current": f"VA-{zip_code[:2]}",
        }

    def _recipient(self, name: str) -> list[str]:
        """Return the columns from recipient_uei to recipient_fax_number."""
        chance = self._chance
        uei = "".join(chance.choices("ABCDEFGHJKLMNPQRSTUVWXYZ123456789", k=12))
        cage, city, county = f"{chance.randrange(10_000, 99_999)}", *chance.choice(PLACES)
        own = [uei, "", name, name, name if chance.random() < 0.2 else "", cage]
        parent = [uei, "", name, name]
        street = f"{chance.randrange(1, 9_999)} {chance.choice(self._texts.names).split()[0]} STREET"
        state = [county, "51059", "VA", "VIRGINIA"]
        zip_code, phone = f"{chance.randrange(10_000, 99_999)}1234", f"{chance.randrange(10**9, 10**10)}"
        address = ["USA", "UNITED STATES", street, "", city, "51059", *state, zip_code, "08", "11", phone, phone]
        return own + parent + address


OBJECT_CLASSES = ("25.1: Advisory and assistance services", "26.0: Supplies and materials", "31.0: Equipment")
PLACES = (
    ("RESTON", "FAIRFAX"),
    ("SAN DIEGO", "SAN DIEGO"),
    ("HUNTSVILLE", "MADISON"),
    ("PHILADELPHIA", "PHILADELPHIA"),
)


def _texts_of(award: Award) -> list[str]:
    return [action.description for action in award.actions]


def _is_blank(name: str) -> bool:
    """Return whether a column that has no values of its own is blank; the others say yes or no."""
    named = (
        "_code",
        "_name",
        "_amount",
        "_date",
        "officer",
        "major_program",
        "acronym",
        "authority",
        "_cd_",
        "fips",
        "zip",
    )
    return any(part in name for part in named) or name.startswith(
        ("primary_", "idv_", "type_of", "multiple_", "solicit")
    )


def _read_values(chance: random.Random) -> dict[str, Callable[[], Row]]:
    """Return, by column, what draws its code and the text of it."""
    choices: dict[tuple[str, str], list[tuple[int, Row]]] = defaultdict(list)
    with VALUES.open(newline="", encoding="utf-8") as lines:
        for row in csv.DictReader(lines):
            pair = {row["code_column"]: row["code"]} | ({row["text_column"]: row["text"]} if row["text_column"] else {})
            choices[row["code_column"], row["text_column"]].append((int(row["weight"]), pair))

    def drawing(pairs: Sequence[tuple[int, Row]]) -> Callable[[], Row]:
        weights, values = [weight for weight, _ in pairs], [pair for _, pair in pairs]
        return lambda: chance.choices(values, weights)[0]

    return {code: drawing(pairs) for (code, _), pairs in choices.items()}


def quoted(text: str) -> str:
    """Return a CSV cell."""
    return f'"{text.replace(chr(34), chr(34) * 2)}"' if any(sign in text for sign in ',"\n\r') else text


def _line(cells: Iterable[str]) -> str:
    text = io.StringIO()
    csv.writer(text, lineterminator="").writerow(list(cells))
    return text.getvalue()


def main(arguments: Sequence[str] | None = None) -> None:
    """Write the archives that the arguments ask for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(dest="command", required=True)
    rewrite = commands.add_parser("extract", help="write an extract as archives")
    rewrite.add_argument("file", type=Path)
    rewrite.add_argument("folder", type=Path)
    make = commands.add_parser("generate", help="write a made-up archive")
    make.add_argument("file", type=Path)
    make.add_argument("--rows", type=int, default=500_000)
    make.add_argument("--seed", type=int, default=1)
    make.add_argument("--extract", type=Path)
    options = parser.parse_args(arguments)
    if options.command == "extract":
        options.folder.mkdir(parents=True, exist_ok=True)
        write_extract(options.file, options.folder)
    else:
        generate(options.file, options.rows, Texts.read(options.extract), options.seed)


if __name__ == "__main__":
    main()
