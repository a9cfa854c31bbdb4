"""A database of an earlier Procurewatch is brought up to date, and what it held is there."""

from __future__ import annotations

from dataclasses import replace

from alembic import command
from sqlalchemy import create_engine, text
from sqlalchemy.engine import make_url

from storage.database import migration_config, open_database
from storage.reading.records import events_of, records_by_key
from storage.reading.timelines import sources_of
from storage.writing.reviews import all_verdicts
from tests.records import CLEARVIEW, LATER, match
from tests.storage.tables import save

FIRST_TABLES = "0001"
AWARD = """
INSERT INTO award (key, source, revision, category, type_text, piid, parent_piid, parent_key, description,
  recipient_name, recipient_uei, recipient_cage, recipient_state, recipient_parent_name, recipient_parent_uei,
  agency_code, agency_name, sub_agency_code, sub_agency_name, office, funding_agency_name, funding_sub_agency_name,
  obligated_cents, signed, psc, psc_text, naics, naics_text, solicitation, extent_competed, place, url,
  first_seen, last_changed)
VALUES (:key, 'usaspending', 'r1', 'contract', 'PURCHASE ORDER', '70CMSD21P00000127', '', '', 'OLD WORDS',
  'CLEARVIEW AI, INC.', '', '', '', '', '', '070', 'Department of Homeland Security', '7012', 'ICE', '', '', '',
  5000000, '2021-09-03', '', '', '', '', '', '', '', 'https://www.usaspending.gov/award/x/',
  '2026-01-01 00:00:00', '2026-01-01 00:00:00')
"""
MATCH = """
INSERT INTO match (award_key, vendor_id, vendor_name, vendor_category, score, own_band, band, rule, reason, signals,
  watchlist_version, first_seen)
VALUES (:key, 'clearview-ai', 'Clearview AI', 'face-recognition', 0.97, 'publish', 'publish', 'name', 'why', '[]', '1',
  '2026-01-01 00:00:00')
"""
EVENT = """
INSERT INTO event (id, award_key, action_key, kind, before, after, earlier_actions, vendor_id, told, held, first_seen)
VALUES ('tag:procurewatch,2026:x', :key, '', 'new-award', '', '', 0, '', true, false, '2026-01-01 00:00:00')
"""
VERDICT = """
INSERT INTO verdict (vendor_id, subject, decision, who, note, decided_at)
VALUES ('clearview-ai', :subject, 'confirmed', 'me', '', '2026-01-01 00:00:00')
"""


def test_what_was_stored_before_there_were_several_sources_is_kept(empty_database_url: str) -> None:
    url = make_url(empty_database_url)
    if url.drivername == "postgresql":
        url = url.set(drivername="postgresql+psycopg")
    engine = create_engine(url)
    with engine.begin() as connection:
        command.upgrade(migration_config(connection=connection), FIRST_TABLES)
        for statement in (AWARD, MATCH, EVENT):
            connection.execute(text(statement), {"key": CLEARVIEW.key})
        connection.execute(text(VERDICT), {"subject": f"award:{CLEARVIEW.key}"})
    engine.dispose()

    database = open_database(empty_database_url)
    try:
        with database.reading() as session:
            (stored,) = records_by_key(session, [CLEARVIEW.key])
            assert (stored.description, str(stored.obligated)) == ("OLD WORDS", "50000.00")
            assert [found.vendor_id for found in stored.matches] == ["clearview-ai"]
            assert [event.id for event in events_of(session, CLEARVIEW.key)] == ["tag:procurewatch,2026:x"]
            assert [verdict.subject for verdict in all_verdicts(session)] == [f"record:{CLEARVIEW.key}"]
        from_sam = replace(CLEARVIEW, source="samawards", is_partial=True, actions=CLEARVIEW.actions[-1:])
        save(database, from_sam, match(from_sam), now=LATER)
        with database.reading() as session:
            assert [said.source for said in sources_of(session, CLEARVIEW.key)] == ["usaspending", "samawards"]
    finally:
        database.close()
