"""A data dictionary of exported files as a Data Package: https://specs.frictionlessdata.io/tabular-data-package/"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from procurewatch.query_coverage import About
from storage.reading.export_rows import EXPORT_COLUMNS, RowType
from storage.schema.fields import FieldType

PROFILE = "tabular-data-package"
SUFFIX = ".datapackage.json"  # beside a single file
MEDIA_TYPES = {
    "csv": "text/csv",
    "json": "application/json",
    "jsonl": "application/jsonl",
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


def data_package(about: About, files: Sequence[tuple[str, str, RowType]]) -> bytes:
    """Return the descriptor of exported files.

    Args:
        about: its members are added to those of the standard.
        files: each file's path, relative to the descriptor, or URL; its format, one of `MEDIA_TYPES`; its rows.
    """
    descriptor = {
        "profile": PROFILE,
        "name": "procurewatch-export",
        "title": about.description,
        "created": about.as_json()["made"],
        **about.as_json(),
        "description": "\n".join(about.notes),
        "resources": [_resource(path, form, rows) for path, form, rows in files],
    }
    return json.dumps(descriptor, indent=1, ensure_ascii=True).encode() + b"\n"


def _resource(path: str, form: str, rows: RowType) -> dict[str, Any]:
    columns = EXPORT_COLUMNS[rows]
    fields = [{"name": name, **TYPES[each.type], "description": each.meaning} for name, each in columns.items()]
    return {
        "name": str(rows),
        "path": path,
        "profile": "tabular-data-resource",
        "format": form,
        "mediatype": MEDIA_TYPES[form],
        "encoding": "utf-8",
        **({"dialect": {"json": {"property": "rows"}}} if form == "json" else {}),
        "schema": {"fields": fields, "missingValues": [""]},
    }
