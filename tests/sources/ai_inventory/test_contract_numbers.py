"""Contract numbers in the free text of the inventory of 2024."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sources.ai_inventory.contract_numbers import ContractNumbers, read_contract_numbers


@pytest.mark.parametrize(
    ("cell", "numbers"),
    [
        ("70B03C23F00001059", ContractNumbers(piid="70B03C23F00001059")),
        (
            "75D301-22-C-13291, 75D30124C20195",
            ContractNumbers(piid="75D30122C13291", others=("75D30124C20195",)),
        ),
        ("75F40119D10037 - 75F40123F19010", ContractNumbers(piid="75F40123F19010", parent="75F40119D10037")),
        ("GS-10F-0294V/7200AA23M00014", ContractNumbers(piid="7200AA23M00014", parent="GS10F0294V")),
        ("HHSN316201200013W/75N97019F00066", ContractNumbers(piid="75N97019F00066", parent="HHSN316201200013W")),
        ("NNG15SC71B-50310224F0140", ContractNumbers(piid="50310224F0140", parent="NNG15SC71B")),
        ("VA118-16-D-1006 36C10B22N10060040", ContractNumbers(piid="36C10B22N10060040", parent="VA11816D1006")),
        ("TIRNO-17-D-00004 WR2730", ContractNumbers(piid="TIRNO17D00004")),
        ("HHSN273201500010C; GS00Q14OADU417", ContractNumbers(piid="HHSN273201500010C", others=("GS00Q14OADU417",))),
        ("36C24124D0061, 36C24124C0018", ContractNumbers(piid="36C24124C0018", others=("36C24124D0061",))),
        (
            "GSA Contract # GS-10F-0064W NLM BPA Task Order: 75N97019A00005/75N97021F00006",
            ContractNumbers(piid="75N97021F00006", parent="75N97019A00005", others=("GS10F0064W",)),
        ),
        ("AID-OAA-A-17-00029 (PIATA)", ContractNumbers(piid="AIDOAAA1700029")),
        ("12314418F0020/P00075", ContractNumbers(piid="12314418F0020", modification="P00075")),
        (
            "2032H5-21-F-00495 Blue Tech / 2032H5-22-F-00922 P00003",
            ContractNumbers(piid="2032H521F00495", others=("2032H522F00922",)),
        ),
        ("70SBUR23Q00000186", ContractNumbers(solicitation="70SBUR23Q00000186")),
        *((prose, ContractNumbers()) for prose in ("", "REDACTED", "Brite Group", "PO 4300174099", "IAA E21PG00001")),
        ("This work was developed under a Research Support Agreement (RMA22CPT0012747)", ContractNumbers()),
    ],
)  # fmt: skip
def test_contract_numbers_are_parsed_in_every_spelling(cell: str, numbers: ContractNumbers) -> None:
    assert read_contract_numbers(cell) == numbers


@given(st.text(alphabet="AB19DFC-/ ,P", max_size=80))
def test_parsing_contract_numbers_never_fails(cell: str) -> None:
    numbers = read_contract_numbers(cell)
    told = [number for number in (numbers.piid, numbers.parent, *numbers.others) if number]
    assert len(told) == len(set(told))
    assert all(number in cell.replace("-", "") for number in told)
