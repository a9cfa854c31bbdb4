"""What the process does once that tests fork others from (`tests.processes`), instead of each of these doing it."""

import gc

from sqlalchemy.orm import configure_mappers

import storage.schema.tables  # noqa: F401  the mapped classes
from monitors.matching.matcher import Matcher
from monitors.watchlist.loader import load_watchlist

Matcher(load_watchlist())  # caches of names and texts
configure_mappers()
# A collection in a forked process would write to, and so copy, all pages of memory that it shares with this one.
gc.collect()
gc.freeze()
