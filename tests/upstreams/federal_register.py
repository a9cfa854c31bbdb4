"""A server that stands in for the API of the Federal Register: `documents.json` and `public-inspection-documents.json`.

Written from the API's own code (github.com/usnationalarchives/federalregister-api-core: api_controller.rb,
es_application_search.rb, es_entry_search.rb, entry_repository.rb, date_selector.rb, es_search_result.rb) and from what
people measured of it in August and September 2026: an unknown condition is refused as {"errors": ...}, a field that is
none as {"status": 400, ...} (its words are not known), a page size of 1 or above the largest becomes 20 and a page
beyond the fiftieth the first without a word, an unknown order is the newest first, and `count` stops at 10,000. A term
that no adapter sends is refused. What lies beyond the 2,000th result is refused here; the
real one has been seen to answer on for a while.

Two of the documents are real (2026-16313 and 2026-16231, as quoted from the API in August 2026), with full texts that
are made up, as the other documents are.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

from tests.upstreams import public_inspection
from tests.upstreams.faults import Faulty
from tests.upstreams.server import Answer, FakeServer, LoggedRequest, Refusal, json_answer

Json = dict[str, Any]
DOCUMENTS = "/api/v1/documents.json"
PUBLIC = "https://www.federalregister.gov"
CONDITIONS = frozenset(
    [
        "term",
        "agencies",
        "agency_ids",
        "type",
        "publication_date",
        "effective_date",
        "signing_date",
        "comment_date",
        "docket_id",
        "sections",
        "topics",
        "regulation_id_number",
        "significant",
        "president",
        "presidential_document_type",
        "cfr",
        "near",
        "correction",
        "volume",
    ]
)
OTHER_FIELDS = frozenset(
    [
        "agency_names",
        "body_html_url",
        "cfr_references",
        "comment_url",
        "disposition_notes",
        "docket_id",
        "end_page",
        "executive_order_number",
        "full_text_xml_url",
        "images",
        "json_url",
        "mods_url",
        "page_length",
        "page_views",
        "public_inspection_pdf_url",
        "raw_text_url",
        "president",
        "presidential_document_number",
        "regulation_id_number_info",
        "regulations_dot_gov_info",
        "regulations_dot_gov_url",
        "significant",
        "signing_date",
        "start_page",
        "subtype",
        "toc_doc",
        "toc_subject",
        "volume",
    ]
)
TYPES = {"Rule": "RULE", "Proposed Rule": "PRORULE", "Notice": "NOTICE", "Presidential Document": "PRESDOCU"}
DEFAULT_FIELDS = ("title", "type", "abstract", "document_number", "html_url", "pdf_url", "publication_date", "excerpts")
HOMELAND: Json = {
    "raw_name": "DEPARTMENT OF HOMELAND SECURITY",
    "name": "Homeland Security Department",
    "id": 227,
    "url": f"{PUBLIC}/agencies/homeland-security-department",
    "json_url": f"{PUBLIC}/api/v1/agencies/227",
    "parent_id": None,
    "slug": "homeland-security-department",
}
BORDER: Json = {
    "raw_name": "U.S. Customs and Border Protection",
    "name": "U.S. Customs and Border Protection",
    "id": 501,
    "url": f"{PUBLIC}/agencies/u-s-customs-and-border-protection",
    "json_url": f"{PUBLIC}/api/v1/agencies/501",
    "parent_id": 227,
    "slug": "u-s-customs-and-border-protection",
}
LONGEST_ADDRESS = 8_000
MOST_CLAUSES = 1_024
SEARCHED_FIELDS = 6
# The standard tokenizer keeps a dot or an apostrophe between two letters: "ID.me" is one word.
TOKEN = re.compile(r"\w+(?:[.']\w+)*")


def document(number: str, day: str, title: str, full_text: str = "", **fields: Any) -> Json:
    """A document with every field the adapter asks for, and its full text."""
    path = f"{day.replace('-', '/')}/{number}"
    given: Json = {
        "document_number": number,
        "publication_date": day,
        "title": title,
        "type": "Notice",
        "abstract": None,
        "action": "Notice.",
        "agencies": [HOMELAND],
        "citation": "91 FR 1234",
        "comments_close_on": None,
        "correction_of": None,
        "corrections": [],
        "dates": None,
        "docket_ids": [],
        "effective_on": None,
        "html_url": f"{PUBLIC}/documents/{path}/{re.sub(r'[^a-z0-9]+', '-', title.lower())}",
        "pdf_url": f"https://www.govinfo.gov/content/pkg/FR-{day}/pdf/{number}.pdf",
        "regulation_id_numbers": [],
        "topics": [],
        "full_text": full_text or title,
    }
    return {**given, **fields}


PRIVACY_NOTICE = document(
    "2024-10001",
    "2024-05-06",
    "Privacy Act of 1974; System of Records",
    "The system includes records obtained through Clearview AI's service\nand from license plate readers.",
    abstract="In accordance with the Privacy Act of 1974, U.S. Customs and Border Protection proposes to modify ...",
    action="Notice of a modified system of records.",
    agencies=[HOMELAND, BORDER],
    citation="89 FR 37000",
    comments_close_on="2024-06-05",
    dates="Submit comments on or before June 5, 2024.",
    docket_ids=["Docket No. DHS-2024-0012", "CBP-2024-0001"],
    effective_on="2024-06-06",
)
REQUEST = document(
    "2024-10002",
    "2024-05-07",
    "Request for Information on Autonomous Surveillance Towers",
    "Vendors such as Anduril Industries and ID.me may answer.",
    comments_close_on="2024-12-02",
)
FILING_RULE = document(
    "2026-16313",
    "2026-08-11",
    "Mandatory Electronic Filing (e-Filing)",
    type="Rule",
    abstract=(
        "This interim final rule amends DHS regulations to provide that USCIS may require mandatory electronic filing "
        "(e-filing) of certain benefit requests."
    ),
    action="Interim final rule (IFR) with request for comments.",
    effective_on="2026-08-11",
)
FEE_RULE = document(
    "2026-16231",
    "2026-08-10",
    "9-11 Response and Biometric Entry-Exit Fee for H-1B and L-1 Visas",
    type="Rule",
    effective_on="2026-09-09",
)
RECORDED = (PRIVACY_NOTICE, REQUEST, FILING_RULE, FEE_RULE)


class FakeFederalRegister(FakeServer):
    """The API with `documents`, and with those `inspected`, which are on public inspection.

    `wider_count` is what `count` tells in excess of what the search itself finds. `wrong` names an assumption of the
    adapter's that does not hold.
    """

    wider_count = 0
    window = 2_000

    def __init__(
        self, documents: Sequence[Json] = RECORDED, inspected: Sequence[Json] = (), *, wrong: str = "", port: int = 0
    ) -> None:
        self.documents = [dict(one) for one in documents]
        self.inspected = [dict(one) for one in inspected]
        self.wrong = wrong
        super().__init__(port=port)

    def answer(self, request: LoggedRequest) -> Answer:
        """Answer a search or refuse it."""
        try:
            return json_answer(self._search(request))
        except Refusal as refusal:
            return refusal.answer

    def _search(self, request: LoggedRequest) -> Json:
        if len(request.path) > LONGEST_ADDRESS:
            raise Refusal(414, {"message": "Request-URI Too Large"})
        path = urlsplit(request.path).path
        is_inspection = path == public_inspection.PATH and self.wrong != "public-inspection"
        if path != DOCUMENTS and not is_inspection:
            raise _refused(404, "Record Not Found")
        if request.method != "GET":
            raise _refused(405, "Method Not Allowed")
        params = parse_qsl(urlsplit(request.path).query, keep_blank_values=True)
        if self.wrong == "unknown-condition":
            params = [(name, value) for name, value in params if not _is_unknown(name)]
        if is_inspection:
            return self._inspection(params)
        fields = _fields(params, {*RECORDED[0], "excerpts", *OTHER_FIELDS} - {"full_text"}, DEFAULT_FIELDS)
        conditions = _conditions(params, CONDITIONS)
        found = _ordered(_matching(self.documents, conditions), dict(params).get("order", ""))
        return self._page(found, params, fields, conditions)

    def _inspection(self, params: list[tuple[str, str]]) -> Json:
        fields = _fields(params, set(public_inspection.FIELDS), public_inspection.FIELDS)
        conditions = _conditions(params, public_inspection.CONDITIONS)
        found = [one for one in self.inspected if _is_meant(one, conditions)]
        newest_first = sorted(found, key=lambda one: str(one["filed_at"]), reverse=True)
        return self._page(newest_first, params, fields, conditions)

    def _page(
        self, found: Sequence[Json], params: list[tuple[str, str]], fields: Sequence[str], conditions: Json
    ) -> Json:
        given = dict(params)
        size = _number(given.get("per_page"))
        size = size if 1 < size <= (100 if self.wrong == "page-of-1000" else 1_000) else 20
        page = _number(given.get("page"))
        page = page if 1 <= page <= 50 else 1
        if page * size > self.window:
            message = f"Pagination limit exceeded.  No more than {self.window} items can be requested at a time"
            raise _refused(400, message)
        pages = min(-(-len(found) // size), 50)
        rows = found[(page - 1) * size : page * size]
        term = str(conditions.get("term", ""))
        answer: Json = {"count": min(len(found) + self.wider_count, 10_000), "description": f"Documents {term}"}
        if rows or self.wrong == "nothing-found":
            answer["total_pages"] = pages
            if page < pages:
                others = [(name, value) for name, value in params if name != "page"]
                answer["next_page_url"] = f"{PUBLIC}{DOCUMENTS}?{urlencode([*others, ('page', str(page + 1))])}"
            answer["results"] = [{name: _field(row, name, term) for name in fields} for row in rows]
        return answer


class FaultyFederalRegister(Faulty, FakeFederalRegister):
    """The same, failing."""

    renaming = (b'"document_number"', b'"number"')


def _refused(status: int, message: str) -> Refusal:
    return Refusal(status, {"status": status, "message": message})


def _number(text: str | None) -> int:
    return int(text) if text and text.isdecimal() else 0


def _fields(params: Sequence[tuple[str, str]], known: set[str], default: Sequence[str]) -> list[str]:
    """The fields asked for. Raises `Refusal`."""
    fields = [value for name, value in params if name == "fields[]" and value] or list(default)
    unknown = [name for name in fields if name not in known]
    if unknown:
        raise _refused(400, f"{unknown[0]} is not a valid field")
    return fields


def _is_unknown(name: str) -> bool:
    condition = re.match(r"conditions\[(\w+)\]", name)
    return condition is not None and condition[1] not in CONDITIONS


def _conditions(params: Sequence[tuple[str, str]], known: frozenset[str]) -> Json:
    """The conditions by name: text, a list, or a mapping of dates. Raises `Refusal`."""
    conditions: Json = {}
    for name, value in params:
        if match := re.fullmatch(r"conditions\[(\w+)\](?:\[(\w*)\])?", name):
            condition, part = match.groups()
            if part is None:
                conditions[condition] = value
            elif part == "":
                conditions.setdefault(condition, []).append(value)
            else:
                conditions.setdefault(condition, {})[part] = value
    errors = {name: "is not a valid field" for name in conditions if name not in known}
    if not all(re.fullmatch(r"\d{4}-\d\d-\d\d", day) for day in conditions.get("publication_date", {}).values()):
        errors["publication_date"] = "Publication Date is not a valid ."
    if set(conditions.get("agencies", [])) - {HOMELAND["slug"], BORDER["slug"]}:
        errors["agencies"] = "invalid value"
    if errors:
        raise Refusal(400, {"errors": errors})
    return conditions


def _matching(documents: Sequence[Json], conditions: Json) -> list[Json]:
    days = conditions.get("publication_date", {})
    first = days.get("is") or days.get("gte") or date.min.isoformat()
    last = days.get("is") or days.get("lte") or date.max.isoformat()
    return [one for one in documents if first <= one["publication_date"] <= last and _is_meant(one, conditions)]


def _is_meant(one: Json, conditions: Json) -> bool:
    """Whether a document is of the types, the agencies and the term that are asked for."""
    slugs = set(conditions.get("agencies", []))
    return (
        TYPES.get(one["type"]) in conditions.get("type", list(TYPES.values()))
        and (not slugs or bool(slugs & {agency.get("slug") for agency in one["agencies"]}))
        and _holds(one, str(conditions.get("term", "")))
    )


def _ordered(found: Sequence[Json], order: str) -> list[Json]:
    return sorted(found, key=lambda one: (one["publication_date"], one["document_number"]), reverse=order != "oldest")


def _tokens(text: str) -> list[str]:
    return TOKEN.findall(text.lower())


def _phrases(term: str) -> list[str]:
    """The phrases of a term, all of which the API looks for word by word. Raises `Refusal`."""
    if not re.fullmatch(r'(?:\("[^"]*"(?: \| "[^"]*")*\))?', term):
        raise _refused(501, f"this server reads phrases in brackets with | between them, not {term}")
    phrases = re.findall(r'"([^"]*)"', term)
    if len(phrases) * SEARCHED_FIELDS > MOST_CLAUSES:
        raise _refused(500, "Internal Server Error")
    return phrases


def _holds(one: Json, term: str) -> bool:
    """Whether a document holds one of the phrases of a term, word for word."""
    agencies = [str(agency.get("name") or agency.get("raw_name")) for agency in one["agencies"]]
    searched = [one["title"], one["abstract"] or "", one["full_text"], *agencies, *one["docket_ids"]]
    texts = [f" {' '.join(_tokens(str(text)))} " for text in searched]
    phrases = [f" {' '.join(_tokens(phrase))} " for phrase in _phrases(term)]
    return not term or any(phrase.strip() and phrase in text for phrase in phrases for text in texts)


def _field(one: Mapping[str, Any], name: str, term: str) -> object:
    if name != "excerpts":
        return one.get(name)
    if not term:
        return one["abstract"]
    words = [r"\W+".join(map(re.escape, _tokens(phrase))) for phrase in _phrases(term) if _tokens(phrase)]
    text = str(one["full_text"])
    first = re.search(rf"\b(?:{'|'.join(words)})\b", text, re.IGNORECASE) if words else None
    if not first:
        return ""
    fragment = text[max(0, first.start() - 250) : first.start() + 300]
    return re.sub(rf"\b({'|'.join(words)})\b", r'<span class="match">\1</span>', fragment, flags=re.IGNORECASE)
