"""Exports: what is stored as CSV, JSON, Parquet, SQLite, OCDS releases, or packed for a story.

Every writer gives its bytes as it makes them, from records that it reads as it goes: a million rows need no more memory
than a thousand. docs/exports.md describes each format.
"""
