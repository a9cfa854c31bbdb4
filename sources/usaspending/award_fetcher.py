"""Which search rows match the query and are new, and fetching their awards: the detail, then all transactions."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field

from sources.base import FailedStep, FetchStep, Stored, StoredVersion
from sources.errors import Blocked, QuotaUsedUp, Refused, SourceError
from sources.fields import MAX_IDENTIFIER_LENGTH, decode_entities, read_date, read_dollars, read_text
from sources.http.client import Client
from sources.names import is_same_name
from sources.paging import read_pages
from sources.records import PLACEHOLDER_RECIPIENTS, Document, InvalidRecord, Payload, Problem
from sources.usaspending.filters import TRANSACTIONS_PATH, Row, detail_path
from sources.usaspending.plan import AWARD, TRANSACTIONS, Search
from sources.usaspending.search import get, post

MAX_TRANSACTIONS = 5000  # rows on a page of transactions/
MAX_PAGES = 100  # no award has half a million transactions: its pages do not end
TEXT_FIELDS = ("Recipient Name", "Description", "Transaction Description")


def row_matches(row: Row, search: Search, text_fields: Sequence[str] = TEXT_FIELDS) -> bool:
    """Whether a row is what the search was for.

    `keywords` is a prefix search that also looks at industry and product codes, so that "CLEAR" finds clearance
    services: a phrase must occur in one of `text_fields`. Only letters and digits are compared, since the API's own
    comparison is loose. Rows found by recipient match, since the parent company that was found is not in the row;
    unless the recipient is a placeholder, or the whole name was searched for (`Search.exact`).
    """
    name = decode_entities(str(row.get("Recipient Name") or "")).upper().strip()
    if search.filter == "recipient_search_text" and name in PLACEHOLDER_RECIPIENTS:
        return False
    if search.exact:
        # If the recipient's name contains none of the texts, its parent's name did, which is not in the row.
        return any(is_same_name(name, text) for text in search.texts) or not any(
            text.upper() in name for text in search.texts
        )
    if search.filter != "keywords":
        return True
    words = alphanumeric(decode_entities(" ".join(str(row.get(name)) for name in text_fields)))
    return any(alphanumeric(phrase) in words for phrase in search.texts)


def is_changed(row: Row, known: StoredVersion, search: Search) -> bool:
    """Whether a row says something that is not stored of its award.

    A transaction is compared with the stored actions. The row of an award says nothing about actions other than its
    latest, so it counts only for awards that match nobody: changes of the others are searched for by number.
    """
    if search.group != TRANSACTIONS:
        return not known.matched and known.revision != row_digest(row)
    try:
        action = (read_text(row, "Mod"), read_date(row, "Action Date"), read_dollars(row, "Transaction Amount"))
        description = (action[0], alphanumeric(read_text(row, "Transaction Description")))
    except InvalidRecord:
        return True
    stored = {(modification, alphanumeric(words)) for modification, words in known.texts}
    return action not in known.actions or description not in stored


def row_digest(row: Row) -> str:
    """Return 16 hex digits that change when the row does."""
    facts = json.dumps({name: str(value) for name, value in row.items()}, sort_keys=True)
    return hashlib.sha256(facts.encode("utf-8", "replace")).hexdigest()[:16]


def alphanumeric(text: str) -> str:
    """Return the letters and digits of a text, in upper case."""
    return "".join(character for character in text.upper() if character.isalnum())


@dataclass(slots=True)
class AwardFetcher:
    """Fetches awards, each once. `last_error` is that of the award before, if it could not be fetched."""

    client: Client
    stored: Stored
    fetched: set[str] = field(default_factory=set)
    last_error: SourceError | None = None

    def fetch(self, key: str, revision: str, piid: str = "") -> Iterator[Payload | Problem | FailedStep]:
        """Give an award, or the reason why it cannot be fetched.

        An award that fails alone becomes a failed step of its own. Raises `SourceError` when two in a row fail, or
        when the source blocks requests.
        """
        self.fetched.add(key.upper())
        if not 0 < len(key) <= MAX_IDENTIFIER_LENGTH:
            reason = f"a search row without the key of an award: {key[:80]!r}"
            yield Problem(
                source=self.client.source, key=key[:MAX_IDENTIFIER_LENGTH].upper(), reason=reason, documents=()
            )
            return
        try:
            documents = [self.client.get(detail_path(key)), *self._transactions(key), *self._former(key, piid)]
        except Refused as error:
            yield Problem(source=self.client.source, key=key.upper(), reason=str(error), documents=())
        except (Blocked, QuotaUsedUp):
            raise
        except SourceError as error:
            if self.last_error:
                raise
            self.last_error = error
            yield FailedStep(step=award_step(key), reason=str(error))
            return
        else:
            yield Payload(source=self.client.source, key=key.upper(), revision=revision, documents=tuple(documents))
        self.last_error = None

    def _transactions(self, key: str) -> Iterator[Document]:
        body = {"award_id": key, "limit": MAX_TRANSACTIONS, "sort": "action_date", "order": "asc"}

        def read(number: int) -> tuple[Document, bool]:
            response = post(self.client, TRANSACTIONS_PATH, {**body, "page": number})
            if response.has_next and number >= MAX_PAGES:
                raise response.changed(f"pages without end for {key}")
            return response.document, response.has_next

        return read_pages(read)

    def _former(self, key: str, piid: str) -> Iterator[Document]:
        """Give the response that an award's former key is gone, if the source has corrected its parent award."""
        if self.stored.stored_version(key.upper()):
            return
        for former in same_award(key, piid, self.stored.keys_with_piid(piid)):
            response = get(self.client, detail_path(former), allow_404=True)
            if "detail" in response.content:
                yield response.document


def same_award(key: str, piid: str, others: Collection[str]) -> list[str]:
    """Return the keys that name an award of the same type, number and agency under another parent award.

    A contract's key is CONT_AWD_{piid}_{agency}_{parent piid}_{parent agency} (`sources.award_keys`).
    """
    start = f"CONT_AWD_{piid.upper()}_"
    if not piid or not key.upper().startswith(start):
        return []
    agency = key.upper().removeprefix(start).partition("_")[0]
    return [other for other in others if other != key.upper() and other.startswith(f"{start}{agency}_")]


def award_step(key: str) -> FetchStep:
    """Return the step that fetches one award."""
    digest = hashlib.sha256(key.upper().encode()).hexdigest()[:12]
    query = {"group": AWARD, "filter": "key", "texts": [key]}
    return FetchStep(key=f"award/{digest}", query=query, part=f"the details of award {key}")
