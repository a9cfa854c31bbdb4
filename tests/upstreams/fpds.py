"""A fake server for FPDS's ATOM feed.

Ten entries a page, no total, `last` and `next` links that carry `start=`, two feeds (PUBLIC and DELETED), queries of
`FIELD:"value"` and `FIELD:[from,to]` joined by blanks: FPDS's FAQ and the page in tests/data/fpds. What FPDS answers to
a query it does not understand is not documented; so that no mistake passes, this one refuses what is not known to work
(400, a web page), and any `start` from 400,000 on.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from http import HTTPStatus
from urllib.parse import parse_qsl, quote_plus, urlsplit
from xml.sax.saxutils import escape, quoteattr

from tests.upstreams.faults import Faulty
from tests.upstreams.server import HTML_TYPE, Answer, FakeServer, LoggedRequest

ATOM = "http://www.w3.org/2005/Atom"
FPDS = "https://www.fpds.gov/FPDS"
SITE = "https://www.fpds.gov/ezsearch"
IDS = {
    "award": ("awardID", "awardContractID"),
    "IDV": ("contractID", "IDVID"),
    "OtherTransactionAward": ("OtherTransactionAwardID", "OtherTransactionAwardContractID"),
    "OtherTransactionIDV": ("OtherTransactionIDVID", "OtherTransactionIDVContractID"),
}
TYPES = {
    "award": ("D", "DEFINITIVE CONTRACT"),
    "IDV": ("B", "IDC"),
    "OtherTransactionAward": ("R", "OTHER TRANSACTION AGREEMENT"),
    "OtherTransactionIDV": ("O", "OTHER TRANSACTION IDV"),
}


@dataclass(frozen=True, kw_only=True)
class Action:
    """One record. `parent` is (agency, PIID) of the IDV it is under; amounts in dollars; times Washington's."""

    kind: str = "award"
    version: str = "1.5"
    piid: str = "70CTD024C00000001"
    agency: str = "7012"
    modification: str = "0"
    parent: tuple[str, str] | None = None
    vendor: str = "CLEARVIEW AI, INC."
    registered: str = "CLEARVIEW AI, INC"
    uei: str = "ABCDEFGH1234"
    description: str = "FACIAL RECOGNITION LICENSES"
    signed: str = "2024-05-06"
    modified: str = "2024-05-07 10:11:12"
    obligated: str = "1000.00"
    deleted: bool = False


def tag(name: str, content: str = "", /, **attributes: str) -> str:
    """An element in FPDS's namespace; `content` is XML already."""
    written = "".join(f" {key}={quoteattr(value)}" for key, value in attributes.items())
    return f"<ns1:{name}{written}>{content}</ns1:{name}>"


def _ids(action: Action) -> str:
    outer, inner = IDS[action.kind]
    own = tag("agencyID", action.agency, name="AN AGENCY") + tag("PIID", escape(action.piid))
    own += tag("modNumber", escape(action.modification))
    own += tag("transactionNumber", "0") if action.kind == "award" else ""
    parent = ""
    if action.parent:
        names = tag("agencyID", action.parent[0], name="ANOTHER") + tag("PIID", action.parent[1])
        parent = tag("referencedIDVID", names + tag("modNumber", "0"))
    return tag(outer, tag(inner, own) + parent)


def _dates(action: Action) -> str:
    ends = {"IDV": ("lastDateToOrder",)}.get(action.kind, ("currentCompletionDate", "ultimateCompletionDate"))
    dates = {"signedDate": action.signed, "effectiveDate": action.signed} | dict.fromkeys(ends, "2029-05-05")
    return tag("relevantContractDates", "".join(tag(name, f"{day} 00:00:00") for name, day in dates.items()))


def _dollars(action: Action) -> str:
    amounts = [("obligatedAmount", action.obligated), ("baseAndAllOptionsValue", "5000.00")]
    totals = [("totalObligatedAmount", "2000.50"), ("totalBaseAndAllOptionsValue", "9000.00")]
    if action.kind != "IDV":
        totals.append(("totalBaseAndExercisedOptionsValue", "3000.00"))
    return tag("dollarValues", "".join(tag(*amount) for amount in amounts)) + tag(
        "totalDollarValues", "".join(tag(*amount) for amount in totals)
    )


def _purchaser() -> str:
    department = {"departmentID": "7000", "departmentName": "HOMELAND SECURITY, DEPARTMENT OF"}
    return tag(
        "purchaserInformation",
        tag("contractingOfficeAgencyID", "7012", name="U.S. IMMIGRATION AND CUSTOMS ENFORCEMENT", **department)
        + tag("contractingOfficeID", "70CTD0", name="INVESTIGATIONS AND OPERATIONS SUPPORT DALLAS")
        + tag("fundingRequestingAgencyID", "7014", name="U.S. CUSTOMS AND BORDER PROTECTION", **department)
        + tag("fundingRequestingOfficeID", "70B0", name="BORDER ENFORCEMENT"),
    )


def _contract(action: Action) -> str:
    code, meaning = TYPES[action.kind]
    content = tag("contractActionType", code, description=meaning)
    if action.modification.strip("0"):
        content += tag("reasonForModification", "C", description="FUNDING ONLY ACTION")
    if action.kind.startswith("Other"):
        content += tag("typeOfAgreement", "PROTOTYPE")
    else:
        content += tag("solicitationID", "70CTD024R0001")
    return tag("contractData", content + tag("descriptionOfContractRequirement", escape(action.description)))


def _bought(action: Action) -> str:
    if action.kind.startswith("Other"):
        return tag("PSCCode", "7A21", description="BUSINESS APPLICATION SOFTWARE", productOrServiceType="PRODUCT")
    return tag(
        "productOrServiceInformation",
        tag("productOrServiceCode", "7A21", description="BUSINESS APPLICATION SOFTWARE")
        + tag("principalNAICSCode", "513210", description="SOFTWARE PUBLISHERS"),
    )


def _vendor(action: Action) -> str:
    name = tag("vendorName", escape(action.vendor)) if action.vendor else ""
    registered = tag("UEILegalBusinessName", escape(action.registered)) if action.registered else ""
    parent = tag("ultimateParentUEI", "PARENT123456") + tag("ultimateParentUEIName", "THE PARENT, INC.")
    uei = tag("vendorUEIInformation", tag("UEI", action.uei) + registered + parent)
    site = tag("vendorLocation", tag("state", "NY", name="NEW YORK")) + tag(
        "entityIdentifiers", uei + tag("cageCode", "8ABC1")
    )
    return tag("vendor", tag("vendorHeader", name) + tag("vendorSiteDetails", site))


def _record(action: Action) -> str:
    place = tag("stateCode", "TX", name="TEXAS") + tag("countryCode", "USA", name="UNITED STATES")
    facts = _dates(action) + _dollars(action) + _purchaser() + _contract(action) + _bought(action) + _vendor(action)
    if action.kind != "IDV":
        city = tag("placeOfPerformanceZIPCode", "752010001", county="DALLAS", city="DALLAS")
        facts += tag("placeOfPerformance", tag("principalPlaceOfPerformance", place) + city)
    facts += tag("competition", tag("extentCompeted", "C", description="NOT COMPETED"))
    facts += tag("transactionInformation", tag("lastModifiedDate", action.modified))
    facts = tag("contractDetail", facts) if action.kind.startswith("Other") else facts
    opening = f'<ns1:{action.kind} xmlns:ns1="{FPDS}" version="{action.version}">'
    return f"{opening}{_ids(action)}{facts}</ns1:{action.kind}>"


def entry(action: Action, *, padding: str = "") -> str:
    """An entry; `padding` is XML put into its record's content."""
    new, change = ("New ", "") if action.modification.strip("0") == "" else ("", ", was modified")
    title = f"{new}{TYPES[action.kind][1]} {action.piid} awarded to {action.vendor}{change} for the amount of $1,000"
    href = f"{SITE}/search.do?s=FPDS&indexName=awardfull&templateName=1.5.3&q={action.piid}+{action.agency}+"
    return (
        f"<entry><title><![CDATA[{title}]]></title>"
        f'<link rel="alternate" type="text/html" href={quoteattr(href)}></link>'
        f"<modified>{action.modified}</modified>"
        f'<content xmlns:ns1="{FPDS}" type="application/xml">{_record(action)}{padding}</content></entry>\n'
    )


def head(title: str, links: Sequence[tuple[str, str]] = ()) -> str:
    """The beginning of a feed, up to its first entry."""
    written = "".join(
        f'<link rel={quoteattr(rel)} type="text/html" href={quoteattr(href)}></link>' for rel, href in links
    )
    return (
        f'<?xml version="1.0" encoding="UTF-8"?>\n<feed xmlns="{ATOM}"><title>FPDS-NG search results for: '
        f"{escape(title)}</title>{written}<modified></modified><author><name></name></author>\n"
    )


def feed(*actions: Action, title: str = "", links: Sequence[tuple[str, str]] = ()) -> bytes:
    """A whole feed."""
    return (head(title, links) + "".join(entry(action) for action in actions) + "</feed>").encode()


PAGE = 10
BEYOND = 400_000
TERM = re.compile(r'([A-Z_]+):(?:"([^"\\]+)"|\[(\d{4}/\d\d/\d\d),(\d{4}/\d\d/\d\d)\])(?: |$)')
DAYS = {"SIGNED_DATE": "signed", "LAST_MOD_DATE": "modified"}
EXACT = {"PIID": "piid", "AGENCY_CODE": "agency", "VENDOR_UEI": "uei"}
CONTAINED = {"VENDOR_NAME": "vendor", "DESCRIPTION_OF_REQUIREMENT": "description"}
KNOWN = Action(piid="1B3G02670", agency="4740", modification="PA09", vendor="", signed="2012-10-01")


class Fpds(FakeServer):
    """Serves `actions`, in the order given, after one record that always exists."""

    def __init__(self, actions: Sequence[Action] = (), *, port: int = 0) -> None:
        self.actions = [KNOWN, *actions]
        super().__init__(port=port)

    def answer(self, request: LoggedRequest) -> Answer:
        """Return a page, or the refusal."""
        parts = urlsplit(request.path)
        given = dict(parse_qsl(parts.query, strict_parsing=True))
        is_feed = parts.path == "/ezsearch/FEEDS/ATOM" and request.method == "GET"
        if not is_feed:
            return _page(HTTPStatus.NOT_FOUND)
        if set(given) != {"FEEDNAME", "templateName", "q", "start"} or given["templateName"] != "1.5.3":
            return _page(HTTPStatus.BAD_REQUEST)
        wanted = self._found(given["q"])
        start = int(given["start"])
        if wanted is None or given["FEEDNAME"] not in ("PUBLIC", "DELETED") or start >= BEYOND:
            return _page(HTTPStatus.BAD_REQUEST)
        found = [action for action in wanted if action.deleted == (given["FEEDNAME"] == "DELETED")]
        body = feed(*found[start : start + PAGE], title=given["q"], links=_links(given, len(found), start))
        return Answer(body=body, content_type="text/xml;charset=UTF-8")

    def _found(self, query: str) -> list[Action] | None:
        terms = list(TERM.finditer(query))
        if not terms or "".join(term[0] for term in terms) != query:
            return None
        found = self.actions
        for field, value, since, until in (term.groups() for term in terms):
            if field in DAYS and since:
                days = (since.replace("/", "-"), until.replace("/", "-"))
                found = [each for each in found if days[0] <= getattr(each, DAYS[field])[:10] <= days[1]]
            elif field in EXACT and value:
                found = [each for each in found if getattr(each, EXACT[field]) == value]
            elif field in CONTAINED and value:
                found = [each for each in found if value.upper() in getattr(each, CONTAINED[field]).upper()]
            else:
                return None
        return found


def _links(given: dict[str, str], count: int, start: int) -> list[tuple[str, str]]:
    query = quote_plus(given["q"])
    links = [("alternate", f"{SITE}/search.do?s=FPDS&indexName=awardfull&templateName=1.5.3&q={query}&start={start}")]
    address = f"{SITE}/FEEDS/ATOM?s=FPDS&FEEDNAME={given['FEEDNAME']}&VERSION=1.5.3&q={query}&start="
    last = max(count - 1, 0) // PAGE * PAGE
    if last:
        links.append(("last", f"{address}{last}"))
    if start < last:
        links.append(("next", f"{address}{start + PAGE}"))
    return links


def _page(status: HTTPStatus) -> Answer:
    body = f"<!doctype html><html><body><h1>{status.value} {status.phrase}</h1></body></html>".encode()
    return Answer(status=status, body=body, content_type=HTML_TYPE)


class FaultyFpds(Faulty, Fpds):
    """FPDS, failing."""

    renaming = (b"ns1:PIID", b"ns1:procurementID")
