"""A few stored awards to look for, and looking for them."""

from __future__ import annotations

from storage.database import Database
from storage.search.query import read_query
from storage.search.search import count_records, find_records
from tests.records import BABEL, CLEARVIEW, CLEARVIEW_FORENSIC, COURT_REPORTER, EQUIPMENT, LATER, match
from tests.storage.database_helpers import save

SAMPLE_PIIDS = ["70CMSD24P00000119", "70B04C24F00000218", "70B03C23F00001053", "70B06C22P00000094", "70CMSD21P00000127"]


def save_sample_awards(database: Database) -> None:
    """Store two awards of Clearview AI, one for Babel Street by a reseller (that to be reviewed), and two others."""
    save(database, CLEARVIEW, match(CLEARVIEW))
    save(database, CLEARVIEW_FORENSIC, match(CLEARVIEW_FORENSIC), now=LATER)
    product = {"kind": "product", "field": "description", "text": "BABEL STREET", "term": "Babel Street"}
    signal = {**product, "start": 0, "end": 12, "score": 0.9, "action_key": ""}
    babel = match(BABEL, "babel-street", score=0.9, signals=[signal])
    save(database, BABEL, babel, match(BABEL, "panamerica", band="review"), now=LATER)
    save(database, EQUIPMENT)
    save(database, COURT_REPORTER)


def find_piids(database: Database, limit: int | None = None, after: str = "", **asked: str) -> list[str]:
    """Return the PIIDs a query finds, matched or not unless it says so, in their order."""
    query = read_query({"band": "all", **asked})
    with database.reading() as session:
        piids = [award.piid for award in find_records(session, query, limit, after)]
        if limit is None and not after:
            assert count_records(session, query) == len(piids)
    return piids
