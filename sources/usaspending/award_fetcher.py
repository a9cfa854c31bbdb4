"""Reading USAspending's awards whole: which search rows are meant and new, then all that is known of those."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field
from urllib.parse import quote

from sources.base import FailedStep, FetchStep, Stored, StoredVersion
from sources.errors import Blocked, QuotaUsedUp, Refused, SourceChanged, SourceError
from sources.fields import read_json
from sources.http.client import Client
from sources.names import is_same_name
from sources.records import PLACEHOLDER_RECIPIENTS, Document, InvalidRecord, Payload, Problem, dollars
from sources.usaspending.award_parser import LONGEST_IDENTIFIER, day, text
from sources.usaspending.filters import Row
from sources.usaspending.plan import AWARD, TRANSACTIONS, Search
from sources.usaspending.search import taken

TRANSACTIONS_PATH = "/api/v2/transactions/"
MOST_TRANSACTIONS = 5000  # rows a page of transactions/ may hold
MOST_PAGES = 100  # no award has half a million transactions: its pages have no end
NAMED_IN = ("Recipient Name", "Description", "Transaction Description")


def is_meant(row: Row, search: Search, named_in: Sequence[str] = NAMED_IN) -> bool:
    """Whether a row of a search is one that was looked for.

    `keywords` is a prefix search that also looks at industry and product codes, so that "CLEAR" brings in clearance
    services: a phrase must stand in one of the fields `named_in`. It is compared by letters and digits alone, since the
    API's own comparison is loose. Rows found by recipient are meant, since the parent that was matched is not in the
    row; unless the recipient is nobody in particular, or the whole name was asked for (`Search.exact`).
    """
    name = str(row.get("Recipient Name") or "").upper().strip()
    if search.filter == "recipient_search_text" and name in PLACEHOLDER_RECIPIENTS:
        return False
    if search.exact:
        # Where the recipient's own name holds none of the texts, that of its parent did, which is not in the row.
        return any(is_same_name(name, asked) for asked in search.texts) or not any(
            asked.upper() in name for asked in search.texts
        )
    if search.filter != "keywords":
        return True
    words = _loose(" ".join(str(row.get(name)) for name in named_in))
    return any(_loose(phrase) in words for phrase in search.texts)


def is_changed(row: Row, known: StoredVersion, search: Search) -> bool:
    """Whether a row tells something that is not stored of its award.

    The row of a transaction is compared with the stored actions. The row of an award says nothing of actions that are
    not its latest, so it counts only for awards that concern nobody: what happens to the others is asked for by number.
    """
    if search.group != TRANSACTIONS:
        return not known.matched and known.revision != row_digest(row)
    try:
        action = (text(row, "Mod"), day(row, "Action Date"), dollars(row.get("Transaction Amount")))
        description = (action[0], _loose(text(row, "Transaction Description")))
    except InvalidRecord:
        return True
    stored = {(modification, _loose(words)) for modification, words in known.texts}
    return action not in known.actions or description not in stored


def row_digest(row: Row) -> str:
    """Return 16 hex digits that change when what a search row says does."""
    facts = json.dumps({name: str(value) for name, value in row.items()}, sort_keys=True)
    return hashlib.sha256(facts.encode("utf-8", "replace")).hexdigest()[:16]


def detail_path(key: str) -> str:
    """Return the path of an award's detail."""
    return f"/api/v2/awards/{quote(key, safe='')}/"


def _loose(value: object) -> str:
    return "".join(character for character in str(value).upper() if character.isalnum())


@dataclass(slots=True)
class Reader:
    """Reads awards whole, each once. `failed_before` is the error of the award before, if that could not be read."""

    client: Client
    stored: Stored
    given: set[str] = field(default_factory=set)
    failed_before: SourceError | None = None

    def read(self, key: str, revision: str, piid: str = "") -> Iterator[Payload | Problem | FailedStep]:
        """Give an award; when it cannot be read, the reason.

        An award that fails alone fails as a step of its own. Raises `SourceError` when two in a row fail, or when the
        source will not answer at all.
        """
        self.given.add(key.upper())
        if not 0 < len(key) <= LONGEST_IDENTIFIER:
            reason = f"a search row without the key of an award: {key[:80]!r}"
            yield Problem(source=self.client.source, key=key[:LONGEST_IDENTIFIER].upper(), reason=reason, documents=())
            return
        try:
            documents = [self.client.get(detail_path(key)), *self._transactions(key), *self._former(key, piid)]
        except Refused as error:
            yield Problem(source=self.client.source, key=key.upper(), reason=str(error), documents=())
        except (Blocked, QuotaUsedUp):
            raise
        except SourceError as error:
            if self.failed_before:
                raise
            self.failed_before = error
            yield FailedStep(step=award_step(key), reason=str(error))
            return
        else:
            yield Payload(source=self.client.source, key=key.upper(), revision=revision, documents=tuple(documents))
        self.failed_before = None

    def _transactions(self, key: str) -> Iterator[Document]:
        number, more = 1, True
        while more:
            body = {"award_id": key, "limit": MOST_TRANSACTIONS, "page": number, "sort": "action_date", "order": "asc"}
            document = self.client.post(TRANSACTIONS_PATH, body)
            yield document
            answer = read_json(document, self.client.source)
            page = taken(answer, "page_metadata", dict, self.client, TRANSACTIONS_PATH)
            more = taken(page, "hasNext", bool, self.client, TRANSACTIONS_PATH)
            number += 1
            if more and number > MOST_PAGES:
                raise SourceChanged(self.client.source, f"POST {TRANSACTIONS_PATH}", f"pages without end for {key}")

    def _former(self, key: str, piid: str) -> Iterator[Document]:
        """Give the answer that an award's former key is gone, when the source has corrected its parent award."""
        if self.stored.stored_version(key.upper()):
            return
        for former in same_award(key, piid, self.stored.keys_with_piid(piid)):
            document = self.client.get(detail_path(former), allow_404=True)
            if "detail" in read_json(document, self.client.source):
                yield document


def same_award(key: str, piid: str, others: Collection[str]) -> list[str]:
    """Return which other keys name an award of the same kind, number and agency, with another parent award.

    A contract's key is CONT_AWD_{piid}_{agency}_{parent piid}_{parent agency} (DESIGN.md, Identity).
    """
    start = f"CONT_AWD_{piid.upper()}_"
    if not piid or not key.upper().startswith(start):
        return []
    agency = key.upper().removeprefix(start).partition("_")[0]
    return [other for other in others if other != key.upper() and other.startswith(f"{start}{agency}_")]


def award_step(key: str) -> FetchStep:
    """Return the step that reads one award."""
    digest = hashlib.sha256(key.upper().encode()).hexdigest()[:12]
    query = {"group": AWARD, "filter": "key", "texts": [key]}
    return FetchStep(key=f"award/{digest}", query=query, part=f"the details of award {key}")
