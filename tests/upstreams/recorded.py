"""A fake server for any source: it serves what an example has recorded, and fails in every way of `Fault`."""

from __future__ import annotations

from collections.abc import Sequence
from http import HTTPStatus
from urllib.parse import urlsplit

from procurewatch.demo.answers import Answer, LoggedRequest
from procurewatch.demo.stand_in import StandIn
from sources.records import Document
from tests.upstreams.faults import Faulty


class _Recorded(StandIn):
    """Answers a request with the recorded document of the same path, whatever its query."""

    def __init__(self, documents: Sequence[Document]) -> None:
        self.documents = {urlsplit(document.url).path: document for document in documents}
        super().__init__()

    def answer(self, request: LoggedRequest) -> Answer:
        """Return what was recorded."""
        document = self.documents.get(urlsplit(request.path).path)
        if document is None:
            return Answer(status=HTTPStatus.NOT_FOUND, body=b'{"message": "nothing is recorded at this path"}')
        return Answer(body=document.body, content_type=document.content_type)


class FaultyRecorded(Faulty, _Recorded):
    """Serves recorded documents. RENAMED_FIELD renames every field of a JSON document."""

    renaming = (b'":', b'_renamed":')
