"""Finding the rows of an archive that may concern the watchlist: whichever form its files have."""

from __future__ import annotations

import io
import pickle
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from sources.candidates import TextWords
from sources.records import Award, Removal
from sources.usaspending_archive.members import DamagedMember
from sources.usaspending_archive.scan import KnownAwards, MemberScan, scan_member, scan_stream
from tests.sources.usaspending_archive.archives import (
    HEADERS,
    KEY,
    contract,
    contracts_csv,
    csv_bytes,
    grant,
    records_of,
    write_zip,
)

OTHER = "CONT_AWD_P2_7012_-NONE-_-NONE-"


@dataclass(frozen=True)
class Words:
    """Candidates by words that a name or a text contains, and by codes."""

    name: str = "CLEARVIEW"
    text: str = "FACE"
    psc: str = "1550"
    ueis: frozenset[str] = frozenset()
    cages: frozenset[str] = frozenset()
    award_keys: frozenset[str] = frozenset()
    parent_keys: frozenset[str] = frozenset()
    solicitations: frozenset[str] = frozenset()
    asked: list[str] = field(default_factory=list)

    def may_concern_name(self, name: str, /) -> bool:
        self.asked.append(name)
        return self.name in name

    def may_concern_text(self, text: str, /) -> bool:
        return self.text in re.findall(r"[A-Z]+", text.upper())

    @property
    def text_words(self) -> TextWords:
        return TextWords(singles=frozenset({self.text}))

    def may_concern_codes(self, psc: str, *_others: str) -> bool:
        return psc == self.psc


@pytest.fixture(params=["slow", "fast"], autouse=True)
def engine(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Scan with the standard library, and with compiled code."""
    if request.param == "slow":
        monkeypatch.setattr("sources.usaspending_archive.scan.FAST", "nothing_of_this_name:X")
    else:
        pytest.importorskip("numba")


@pytest.fixture
def scan(tmp_path: Path) -> Callable[..., MemberScan]:
    """Scan a CSV file in an archive."""

    def scan_content(content: bytes, wanted: Words | KnownAwards | None = None) -> MemberScan:
        location = write_zip(tmp_path / "a.zip", {"a_1.csv": content})
        return scan_member(location, "a_1.csv", wanted or Words())

    return scan_content


Scan = Callable[..., MemberScan]


def found(result: MemberScan) -> dict[str, tuple[int, ...]]:
    return {award.key: award.lines for award in result.awards}


@pytest.mark.parametrize(
    "values",
    [
        {"recipient_name": "CLEARVIEW AI INC"},
        {"recipient_parent_name": "CLEARVIEW AI INC"},
        {"recipient_parent_name_raw": "CLEARVIEW AI INC"},
        {"recipient_uei": "abcdefghjkl1"},
        {"recipient_parent_uei": "ABCDEFGHJKL1"},
        {"cage_code": "1ABC2"},
        {"transaction_description": "FACE RECOGNITION"},
        {"prime_award_base_transaction_description": "FACE RECOGNITION"},
        {"product_or_service_code": "1550"},
        {"solicitation_identifier": "70CMSD20Q0001"},
        {"parent_award_id_piid": "70CDCR18A00000001", "parent_award_agency_id": "7012"},
        {"contract_award_unique_key": OTHER},
    ],
    ids=lambda values: next(iter(values)),
)
def test_a_row_is_wanted_for_each_of_its_values(scan: Scan, values: dict[str, str]) -> None:
    wanted = Words(
        ueis=frozenset({"ABCDEFGHJKL1"}),
        cages=frozenset({"1ABC2"}),
        award_keys=frozenset({OTHER}),
        parent_keys=frozenset({"CONT_IDV_70CDCR18A00000001_7012"}),
        solicitations=frozenset({"70CMSD20Q0001"}),
    )
    result = scan(contracts_csv(contract("P1"), contract("P3", **values)), wanted)
    assert result.rows == 2
    assert [award.lines for award in result.awards] == [(3,)]


def test_the_rows_of_an_award_come_as_they_are_in_the_file(scan: Scan) -> None:
    first = contract(recipient_name="CLEARVIEW AI, INC.", transaction_description='FACE "RECOGNITION"\nLICENSES')
    content = contracts_csv(first, contract("P2"), contract(modification="P00001", recipient_name="CLEARVIEW AI, INC."))
    result = scan(content)
    assert found(result) == {KEY: (2, 5)}
    assert result.header + b"\n" == content[: content.index(b"\n") + 1]
    (award,) = result.awards
    assert content == b"\n".join([result.header, award.rows[0], content.splitlines()[3], award.rows[1], b""])


def test_other_rows_of_an_award_are_counted_and_found_by_its_key(scan: Scan) -> None:
    content = contracts_csv(contract(modification="P00002"), contract(transaction_description="FACE"), contract("P2"))
    result = scan(content)
    assert (found(result), result.left_out) == ({KEY: (3,)}, 1)
    again = scan(content, KnownAwards(award_keys=frozenset({KEY})))
    assert (found(again), again.left_out) == ({KEY: (2, 3)}, 0)


def test_columns_are_found_by_name(scan: Scan) -> None:
    header = ["new_column", *reversed(HEADERS["contracts"][:120])]
    result = scan(csv_bytes(header, [contract(recipient_name="CLEARVIEW AI INC") | {"new_column": "x"}]))
    (award,) = records_of(result)
    assert isinstance(award, Award)
    assert (award.key, award.recipient.name) == (KEY, "CLEARVIEW AI INC")


def test_a_byte_order_mark_nul_bytes_and_windows_line_ends_do_not_matter(scan: Scan) -> None:
    rows = [contract(recipient_name="CLEAR\0VIEW AI INC", transaction_description="TWO\r\nLINES")]
    result = scan(b"\xef\xbb\xbf" + csv_bytes(HEADERS["contracts"], rows, end="\r\n"))
    (award,) = records_of(result)
    assert isinstance(award, Award)
    assert (award.key, award.recipient.name) == (KEY, "CLEARVIEW AI INC")
    assert award.actions[0].description == "TWO\r\nLINES"
    assert not result.header.endswith(b"\r")


def test_a_name_is_looked_up_once(scan: Scan) -> None:
    wanted = Words()
    scan(contracts_csv(*(contract(f"P{number}") for number in range(50))), wanted)
    assert wanted.asked == ["ACME PAPER INC"]


def test_rows_with_other_columns_are_stated_and_the_others_read(scan: Scan) -> None:
    content = contracts_csv(contract(recipient_name="CLEARVIEW AI INC")) + b"a,b\n" + b'a,"b"c\rd,e\n'
    content += contracts_csv(contract("P2", recipient_name="CLEARVIEW AI INC")).partition(b"\n")[2]
    result = scan(content)
    assert list(found(result).values()) == [(2,), (5,)]
    assert [line for line, _ in result.unreadable] == [3, 4]


def test_a_file_whose_rows_do_not_fit_is_damaged(scan: Scan) -> None:
    with pytest.raises(DamagedMember, match=r"a\.zip/a_1\.csv: more than 100 rows do not fit its header, .* line 2"):
        scan(contracts_csv() + b"a,b\n" * 101)


@pytest.mark.parametrize("content", [b"", b"\n\n", b"<html>\n", b"agency,amount\nx,1\n", b'"\0,\n'])
def test_another_file_is_not_an_archive(scan: Scan, content: bytes) -> None:
    with pytest.raises(DamagedMember, match=r"^archive: a\.zip/a_1\.csv: its header has no contract_award_unique_key"):
        scan(content)


def test_a_file_with_only_a_header_has_no_rows(scan: Scan) -> None:
    assert scan(contracts_csv()).rows == 0


def test_progress_is_reported_in_rows(tmp_path: Path) -> None:
    reports: list[int] = []
    location = write_zip(tmp_path / "a.zip", {"a.csv": contracts_csv(*[contract("P1")] * 12_345)})
    assert scan_member(location, "a.csv", Words(), reports.append).rows == 12_345
    assert reports[-1] == 12_345
    assert reports == sorted(reports)
    assert len(reports) > 1


def test_deleted_contract_actions_are_found_by_the_parts_of_their_keys(scan: Scan) -> None:
    order = "CONT_AWD_O1_7012_70CDCR18A00000001_7012"
    idv = "CONT_IDV_I1_7012"
    deleted = [
        {"award_id_piid": "70CMSD21P00000001", "transaction_number": "0", "contract_transaction_unique_key": "T1"},
        {
            "award_id_piid": "O1",
            "parent_award_id_piid": "70CDCR18A00000001",
            "parent_award_agency_id": "7012",
            "transaction_number": "0",
            "contract_transaction_unique_key": "T2",
        },
        {"award_id_piid": "I1", "contract_transaction_unique_key": "T3"},
        {"award_id_piid": "X1", "transaction_number": "0", "contract_transaction_unique_key": "T4"},
    ]
    rows = [
        {"correction_delete_ind": "D", "agency_id": "7012", "last_modified_date": "2026-10-02", **row}
        for row in deleted
    ]
    rows.append({"correction_delete_ind": "C", **contract("C1", recipient_name="CLEARVIEW AI INC")})
    known = Words(award_keys=frozenset({KEY, order, idv}))
    records = records_of(scan(csv_bytes(HEADERS["contracts_delta"], rows), known))
    removals = [record for record in records if isinstance(record, Removal)]
    assert [(removal.key, removal.action_key) for removal in removals] == [(KEY, "T1"), (order, "T2"), (idv, "T3")]
    assert {str(removal.removed) for removal in removals} == {"2026-10-02"}
    assert [record.key for record in records if isinstance(record, Award)] == ["CONT_AWD_C1_7012_-NONE-_-NONE-"]


def test_deleted_assistance_is_found_by_its_number_among_the_stored_awards(scan: Scan) -> None:
    row = {"correction_delete_ind": "D", "assistance_transaction_unique_key": "1550_G-1_-NONE-_16.738_0"}
    content = csv_bytes(HEADERS["assistance_delta"], [row | {"award_id_fain": "G-1"}, row | {"award_id_fain": "G-2"}])
    (removal,) = records_of(scan(content, Words(award_keys=frozenset({"ASST_NON_G-1_015", "ASST_NON_G-3_015"}))))
    assert isinstance(removal, Removal)
    assert (removal.key, removal.action_key) == ("ASST_NON_G-1_015", "1550_G-1_-NONE-_16.738_0")


def test_assistance_is_found_by_name_and_text(scan: Scan) -> None:
    rows = [grant(), grant("G-2", transaction_description="FACE RECOGNITION"), grant("G-3", recipient_name="CLEARVIEW")]
    result = scan(csv_bytes(HEADERS["assistance"], rows))
    assert list(found(result)) == ["ASST_NON_G-2_015", "ASST_NON_G-3_015"]


def test_a_stream_gives_the_same_as_the_file(tmp_path: Path) -> None:
    members = {"a_1.csv": contracts_csv(contract(recipient_name="CLEARVIEW")), "a_2.csv": contracts_csv(contract("P2"))}
    location = write_zip(tmp_path / "a.zip", {**members, "readme.txt": b"x"})
    scans = list(scan_stream(io.BytesIO(Path(location).read_bytes()), "a.zip", Words()))
    assert scans == [scan_member(location, name, Words()) for name in members]


def test_an_error_can_be_sent_between_processes() -> None:
    error = DamagedMember("a.zip/a_1.csv", "cut off")
    again = pickle.loads(pickle.dumps(error))  # noqa: S301
    assert (str(again), again.fails_step_only) == ("archive: a.zip/a_1.csv: cut off", True)
