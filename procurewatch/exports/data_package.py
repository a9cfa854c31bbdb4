"""A data dictionary of exported files as a Data Package: https://specs.frictionlessdata.io/tabular-data-package/"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from importlib.metadata import version
from typing import Any

from storage.fields import FieldType
from storage.reading.export_rows import ATTRIBUTION, EXPORT_COLUMNS, ExportColumn, RowType

PROFILE = "tabular-data-package"
SUFFIX = ".datapackage.json"  # beside a single file
MEDIA_TYPES = {
    "csv": "text/csv",
    "json": "application/json",
    "parquet": "application/vnd.apache.parquet",
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
}
TYPES: Mapping[FieldType, Mapping[str, str]] = {
    FieldType.TEXT: {"type": "string"},
    FieldType.TEXTS: {"type": "string"},
    FieldType.DOLLARS: {"type": "number"},
    FieldType.DATE: {"type": "date"},
    FieldType.TIME: {"type": "datetime", "format": "any"},
    FieldType.SCORE: {"type": "number"},
    FieldType.COUNT: {"type": "integer"},
}


def data_package(title: str, notes: Sequence[str], files: Sequence[tuple[str, RowType]]) -> bytes:
    """Return the descriptor of exported files.

    Args:
        title: what was exported.
        notes: where the data are from and what they may lack, one sentence each.
        files: the path of each file, relative to the descriptor, with one of `MEDIA_TYPES` as its suffix, and its rows.
    """
    descriptor = {
        "profile": PROFILE,
        "name": "procurewatch-export",
        "title": title,
        "description": "\n".join(notes),
        "created": datetime.now(UTC).isoformat(timespec="seconds").replace("+00:00", "Z"),
        "resources": [_resource(path, EXPORT_COLUMNS[rows], rows) for path, rows in files],
    }
    return json.dumps(descriptor, indent=1, ensure_ascii=True).encode() + b"\n"


def _resource(path: str, columns: Mapping[str, ExportColumn], rows: RowType) -> dict[str, Any]:
    form = path.rpartition(".")[2]
    fields = [{"name": name, **TYPES[each.type], "description": each.meaning} for name, each in columns.items()]
    return {
        "name": str(rows),
        "path": path,
        "profile": "tabular-data-resource",
        "format": form,
        "mediatype": MEDIA_TYPES[form],
        "encoding": "utf-8",
        "schema": {"fields": fields, "missingValues": [""]},
    }


def export_notes(description: str, coverage: Sequence[str]) -> list[str]:
    """Return what to know about an export, one sentence each: its query, how to add up and cite, its coverage."""
    made = f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC"
    return [
        f"Records of federal spending: {description}. Exported {made} by Procurewatch {version('procurewatch')}.",
        f'Cite as: Procurewatch, "{description}", {made}. The official_page of a row is the page of its source.',
        "To add up money, use action_obligation or obligated_by_actions. Never add up award_obligated_total, which "
        "repeats, or amounts of publications.",
        "A match means that words or identifiers in a record fit an entry of the watchlist. It is not an accusation.",
        *coverage,
        f"Where attribution is filled: {ATTRIBUTION}",
    ]
