"""Exports: CSV, JSON, Parquet, SQLite, OCDS releases and story packs. docs/exports.md describes each format.

Every writer yields bytes while it reads records, so the memory it needs does not grow with the number of records.
"""
