"""What the Federal Register adapter assumes about the API, with a probe for each."""

from __future__ import annotations

from datetime import date
from urllib.parse import quote, urlencode

from sources.base import Assumption
from sources.errors import Refused
from sources.federal_register.public_inspection import INSPECTED_DOCUMENTS
from sources.federal_register.search import DOCUMENTS, PAGE
from sources.fields import read_json
from sources.http.client import Client

CODE = "github.com/usnationalarchives/federalregister-api-core, "
MONTH = (date(2024, 5, 1), date(2024, 5, 31))  # more than twenty notices under the Privacy Act were published in it
SMALL_PAGE = 20  # rows, which a page has whose size the API does not like


def _path(term: str, *more: tuple[str, str], of: str = DOCUMENTS) -> str:
    return f"{of}?{urlencode([('conditions[term]', term), *more], quote_via=quote)}"


def _in_the_month(term: str, *more: tuple[str, str]) -> str:
    days = zip(("gte", "lte"), MONTH, strict=True)
    return _path(term, *((f"conditions[publication_date][{name}]", str(day)) for name, day in days), *more)


def _nothing_found_has_no_results(client: Client) -> bool:
    answer = read_json(client.get(_in_the_month('("no such words in any document")')), client.source)
    return answer.get("count") == 0 and "results" not in answer and "total_pages" not in answer


def _page_is_as_long_as_asked(client: Client) -> bool:
    asked = ("fields[]", "document_number"), ("per_page", str(PAGE))
    rows = read_json(client.get(_in_the_month('("privacy act of 1974")', *asked)), client.source).get("results")
    return isinstance(rows, list) and len(rows) > SMALL_PAGE


def _unknown_condition_is_refused(client: Client) -> bool:
    try:
        client.get(_in_the_month('("privacy act of 1974")', ("conditions[no_such_condition]", "1"), ("per_page", "2")))
    except Refused:
        return True
    return False


def _inspection_is_searched(client: Client) -> bool:
    fields = [("fields[]", name) for name in ("document_number", "filed_at")]
    try:
        document = client.get(_path('("notice")', *fields, ("per_page", "2"), of=INSPECTED_DOCUMENTS))
    except Refused:
        return False
    rows = read_json(document, client.source).get("results", [])
    return isinstance(rows, list) and all(
        isinstance(row, dict) and {"document_number", "filed_at"} <= row.keys() for row in rows
    )


ASSUMPTIONS = (
    Assumption(
        name="nothing-found",
        says="An answer that found nothing says so by a count of 0, and holds no results.",
        otherwise="An empty list of results is read as nothing found. Any other shape fails the step.",
        basis=CODE + "api_controller.rb, render_search",
        probe=_nothing_found_has_no_results,
    ),
    Assumption(
        name="page-of-1000",
        says="A page holds up to 1,000 rows.",
        otherwise="A search is cut by days until each part fits a page, which takes more requests.",
        basis=CODE + "es_application_search.rb, maximum_per_page",
        probe=_page_is_as_long_as_asked,
    ),
    Assumption(
        name="unknown-condition",
        says="A condition that the API does not know is refused.",
        otherwise="A row of another day than was asked for fails the step, since a condition was ignored.",
        basis=CODE + "es_application_search.rb, validation_errors",
        probe=_unknown_condition_is_refused,
    ),
    Assumption(
        name="public-inspection",
        says="The documents on public inspection are searched by the same terms, and each says when it was filed.",
        otherwise="That step fails by itself. Documents are found on the day they are published.",
        basis=CODE + "public_inspection_documents_controller.rb",
        probe=_inspection_is_searched,
    ),
)
