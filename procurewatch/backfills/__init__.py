"""Backfills from the APIs, vendor by vendor."""
