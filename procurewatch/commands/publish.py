"""Commands that publish: feeds build, serve."""

from __future__ import annotations

import errno
import os
import socket
import sys
import threading
import webbrowser
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Annotated

import typer

from feeds import urls
from feeds.text import pluralize
from procurewatch.command_line.terminal import STOPPED, console, describe_left_out, fail, plain, stopping
from procurewatch.context import AppContext, open_app
from procurewatch.settings import Settings

MAX_FAILED = 5  # files named in a message

feeds = typer.Typer(help="Write feeds as files.", no_args_is_help=True)

Host = Annotated[str, typer.Option(help="Address that the website listens on.")]
Port = Annotated[int, typer.Option(min=0, max=65535, help="Port that the website listens on; 0 picks a free port.")]
SiteUrl = Annotated[str, typer.Option("--site-url", help="Public URL of the site, for permalinks in entries.")]


@feeds.command("build")
def build(
    context: typer.Context,
    folder: Annotated[
        Path | None, typer.Argument(help="Output folder; the setting site_folder if omitted.", show_default=False)
    ] = None,
    site_url: SiteUrl = "",
) -> None:
    """Write the website and all feeds as files, for any static web host.

    Only what has changed is built. Files of earlier builds that the site no longer has are removed. Then the WebSub hub
    is notified, if one is set.
    """
    settings: Settings = context.obj
    target = folder or settings.site_folder
    if target is None:
        raise typer.BadParameter("name a folder, or set site_folder in the settings")
    with open_app(settings) as app_context:
        summary, problems = build_site(app_context, target, site_url)
        console().print(plain(summary))
        app_context.announce(is_built=True)
    if problems:
        fail("; ".join(problems))


def build_site(app_context: AppContext, folder: Path, site_url: str = "") -> tuple[str, list[str]]:
    """Write the site into a folder; return a one-line summary, and what could not be built or read."""
    from procurewatch.static_site import building  # noqa: PLC0415  it imports the web framework
    from procurewatch.static_site.search_index import NOT_INSTALLED  # noqa: PLC0415

    if folder.exists() and not folder.is_dir():
        raise typer.BadParameter(f"{folder} is a file; name a folder")
    base_url = site_url or app_context.settings.site_url
    done = building.build_site(app_context, folder, base_url)
    pages = f"{pluralize(sum(path.endswith('.html') for path in done.files), 'page')}"
    feeds_in_all = f"{pluralize(sum(path.endswith('.atom') for path in done.files), 'feed')} (Atom, RSS and JSON)"
    notes = [f"{pluralize(len(done.changed), 'file')} written, {len(done.removed)} removed"]
    if not base_url:
        notes.append("no feeds.opml, which needs the site's address (--site-url or the setting site_url)")
    if urls.SEARCH_PAGE not in done.files:
        notes.append(NOT_INSTALLED)
    if done.edited:
        notes.append(f"not removed, because it was changed since it was written: {', '.join(done.edited[:MAX_FAILED])}")
    problems = []
    if done.failed:
        problems.append(
            f"{pluralize(len(done.failed), 'file')} could not be built: {', '.join(done.failed[:MAX_FAILED])}"
        )
    if done.left_out:
        problems.append(describe_left_out(done.left_out))
    return f"{pages} and {feeds_in_all} in {folder}; {'; '.join(notes)}", problems


def serve(
    context: typer.Context,
    host: Host = "127.0.0.1",
    port: Port = 8400,
    site_url: SiteUrl = "",
) -> None:
    """Run the website on the live database until stopped."""
    settings: Settings = context.obj
    with open_app(settings) as app_context:
        serve_site(app_context, host, port, site_url)


def serve_site(
    app_context: AppContext, host: str, port: int, site_url: str = "", *, opens_browser: bool = False
) -> None:
    """Run the website until stopped, and show it in a browser if there is one and that is wanted."""
    with stopping(app_context.stop), site_served(app_context, host, port, site_url) as address:
        if opens_browser and has_browser():
            threading.Thread(target=webbrowser.open, args=(f"{address}/",), daemon=True).start()
        app_context.stop.wait()
    typer.echo(STOPPED, err=True)


@contextmanager
def site_served(app_context: AppContext, host: str, port: int, site_url: str = "") -> Iterator[str]:
    """Run the website for the block, and print and yield its address. Exits with one line if it cannot listen there."""
    # The web framework is a third of the program's start; only the commands with a website need it.
    from procurewatch.web.app import site_running  # noqa: PLC0415

    with ExitStack() as stack:
        try:
            address = stack.enter_context(site_running(app_context, host, port, site_url))
        except OSError as error:
            fail(describe_listening(host, port, error))
        console().print(plain(f"Serving {address}/ (Ctrl-C stops)"))
        yield address


def has_browser() -> bool:
    """Whether the machine has a browser with a window: one in the terminal would take the terminal over."""
    has_window = sys.platform in {"win32", "darwin"} or any(map(os.environ.get, ("DISPLAY", "WAYLAND_DISPLAY")))
    return has_window or bool(os.environ.get("BROWSER"))


def describe_listening(host: str, port: int, error: OSError) -> str:
    """Return why no server can listen at an address, and what to do."""
    if error.errno == errno.EADDRINUSE:
        return f"port {port} is already in use; choose another with --port (0 picks a free one)"
    if error.errno in {errno.EACCES, errno.EPERM}:
        return f"this user may not listen on port {port}; choose one above 1023 with --port"
    if error.errno in {errno.EADDRNOTAVAIL, socket.EAI_NONAME}:
        return f"{host} is not an address of this machine; choose another with --host"
    return f"cannot listen on {host} port {port}: {error.strerror or error}"
