"""Builds the static site into a folder."""

from __future__ import annotations

from pathlib import Path

from procurewatch.context import AppContext
from procurewatch.static_site.pages import site_pages
from procurewatch.static_site.search_index import index_files, is_of_index, pagefind_command
from procurewatch.static_site.writing import Written, locked, write_files
from procurewatch.web.context import WebContext
from procurewatch.web.security.login import Access
from storage.errors import left_out


def build_site(app_context: AppContext, folder: Path, base_url: str) -> Written:
    """Write the site into a folder, and remove what earlier builds wrote and is no longer in it.

    Args:
        base_url: the site's public URL, "" if it is not known.

    Raises:
        OSError: the folder cannot be written.
        procurewatch.static_site.manifest.SiteError: another build writes into the folder, or its manifest is damaged.
        sqlalchemy.exc.DBAPIError: the database failed.
    """
    context = WebContext(
        app=app_context,
        base_url=base_url,
        access=Access(app_context.settings, is_https=False),
        is_static=True,
        has_search=bool(pagefind_command()),
    )
    stop = app_context.stop.is_set
    with locked(folder):
        with app_context.database.reading() as session:
            pages = write_files(site_pages(context, session), folder, lambda path: not is_of_index(path), stop)
            unreadable = list(left_out(session))
        index = write_files(index_files(folder, pages, stop), folder, is_of_index, stop)
    return Written(
        built=pages.built + index.built,
        changed=pages.changed + index.changed,
        removed=pages.removed + index.removed,
        failed=pages.failed + index.failed,
        edited=pages.edited + index.edited,
        left_out=unreadable,
        files=index.files,
    )
