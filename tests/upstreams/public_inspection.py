"""Documents on public inspection, as the fake server of the Federal Register holds them.

Written from the API's own code (github.com/usnationalarchives/federalregister-api-core:
es_public_inspection_document_search.rb, public_inspection_document_serializer.rb and
public_inspection_document_api_configuration.rb): no day of publication can be asked for, the order is the newest
filing first whatever is asked, a field that is none is refused, and there is no abstract.
"""

from __future__ import annotations

import re
from typing import Any

Json = dict[str, Any]
PATH = "/api/v1/public-inspection-documents.json"
PUBLIC = "https://www.federalregister.gov"
CONDITIONS = frozenset(
    {
        "agencies",
        "agency_ids",
        "docket_id",
        "document_numbers",
        "filed_at",
        "search_type_id",
        "special_filing",
        "term",
        "type",
    }
)
FIELDS = (
    "agencies",
    "agency_letters",
    "agency_names",
    "docket_numbers",
    "document_number",
    "editorial_note",
    "excerpts",
    "filed_at",
    "filing_type",
    "html_url",
    "json_url",
    "last_public_inspection_issue",
    "num_pages",
    "page_views",
    "pdf_file_name",
    "pdf_file_size",
    "pdf_updated_at",
    "pdf_url",
    "publication_date",
    "raw_text_url",
    "subject_1",
    "subject_2",
    "subject_3",
    "title",
    "toc_doc",
    "toc_subject",
    "type",
)


def filed(number: str, filed_at: str, title: str, full_text: str = "", **fields: Any) -> Json:
    """A document on public inspection with its full text; `filed_at` is UTC."""
    slug = re.sub(r"[^a-z0-9]+", "-", title.lower()).strip("-")
    given: Json = dict.fromkeys(FIELDS)
    given |= {
        "agencies": [
            {"raw_name": "DEPARTMENT OF HOMELAND SECURITY", "name": "Homeland Security Department", "id": 227}
        ],
        "docket_numbers": [],
        "document_number": number,
        "filed_at": filed_at,
        "filing_type": "regular",
        "html_url": f"{PUBLIC}/public-inspection/{number}/{slug}",
        "num_pages": 4,
        "pdf_url": f"https://public-inspection.federalregister.gov/{number}.pdf",
        "publication_date": None,
        "title": title,
        "type": "Notice",
        # What the searches of published documents look in too.
        "abstract": None,
        "docket_ids": [],
        "full_text": full_text or title,
    }
    return {**given, **fields}
