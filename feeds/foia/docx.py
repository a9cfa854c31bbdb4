"""Writes a FOIA letter as a Word document. The same letter always gives the same bytes."""

from __future__ import annotations

import io
import zipfile
from datetime import UTC, datetime

import docx
from docx.document import Document
from docx.shared import Pt

from feeds.foia.letter import FoiaLetter

MEDIA_TYPE = "application/vnd.openxmlformats-officedocument.wordprocessingml.document"
_FIXED_DATE = datetime(2026, 1, 1, tzinfo=UTC)  # of the file's properties, so that the bytes repeat


def write_docx(letter: FoiaLetter) -> bytes:
    """Return the letter, without its notes, as a .docx file."""
    document = docx.Document()
    _set_up(document, letter)
    document.add_paragraph(letter.date)
    document.add_paragraph("\n".join(letter.address))
    document.add_paragraph().add_run(f"Re: {letter.subject}").bold = True
    document.add_paragraph("Dear FOIA Officer:")
    for section in letter.sections:
        if section.heading:
            document.add_heading(section.heading, level=2)
        document.add_paragraph(section.text)
        for line in section.lines:  # numbered here, because a Word list style would count across lists
            document.add_paragraph(line).paragraph_format.left_indent = Pt(18)
    document.add_paragraph("\n".join(letter.signature))
    written = io.BytesIO()
    document.save(written)
    return _undated(written)


def _set_up(document: Document, letter: FoiaLetter) -> None:
    style = document.styles["Normal"]
    style.font.name, style.font.size = "Times New Roman", Pt(11)
    about = document.core_properties
    about.title, about.author, about.last_modified_by, about.comments = letter.subject[:255], "", "", ""
    about.created = about.modified = _FIXED_DATE


def _undated(written: io.BytesIO) -> bytes:
    """Return the zip file without the modification times of its members."""
    undated = io.BytesIO()
    with zipfile.ZipFile(written) as dated, zipfile.ZipFile(undated, "w", zipfile.ZIP_DEFLATED) as target:
        for name in dated.namelist():
            target.writestr(zipfile.ZipInfo(name), dated.read(name), zipfile.ZIP_DEFLATED)
    return undated.getvalue()
