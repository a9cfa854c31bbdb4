"""The command `mcp`."""

from __future__ import annotations

import ipaddress
from typing import Annotated

import typer

from procurewatch.command_line.terminal import STOPPED, console, fail, plain, stopping
from procurewatch.commands.publish import describe_listening
from procurewatch.context import AppContext, open_app
from procurewatch.settings import Settings
from storage.database import open_for_reading

MISSING = "the MCP server needs the package mcp, which is not installed: pip install 'procurewatch[mcp]'"
OPEN_TO_ALL = (
    "Warning: everybody who reaches this address can read the published records; there is no password. Put a proxy "
    "with one in front of it."
)


def mcp(
    context: typer.Context,
    http: Annotated[
        bool, typer.Option("--http", help="Serve over HTTP, for several clients, instead of standard input and output.")
    ] = False,
    host: Annotated[str, typer.Option(help="Address that the HTTP server listens on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="Its port; 0 picks a free one.")] = 8401,
    allow_host: Annotated[
        list[str] | None,
        typer.Option(help="Host name by which clients address it, if it is not this machine's; may be repeated."),
    ] = None,
) -> None:
    """Let a language model read the stored records, over the Model Context Protocol. Nothing is ever written.

    Without options it speaks with the program that started it: name this command in the configuration of Claude
    Desktop, Claude Code or another client.
    """
    settings: Settings = context.obj
    hosts = [name.strip().lower() for name in allow_host or ()]
    if not http and hosts:
        raise typer.BadParameter("--allow-host needs --http")
    if http and not _is_loopback(host) and not hosts:
        raise typer.BadParameter(
            f"--host {host} lets other machines read the records; if that is meant, name the host that they address: "
            "--allow-host NAME"
        )
    try:
        from procurewatch.mcp_server.server import serve_stdio  # noqa: PLC0415  optional, and large
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] not in ("mcp", "mcp_types"):
            raise
        fail(MISSING)
    with open_app(settings, open_for_reading) as app_context:
        if http:
            _serve_http(app_context, host, port, hosts)
        else:
            serve_stdio(app_context)


def _is_loopback(host: str) -> bool:
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _serve_http(app_context: AppContext, host: str, port: int, hosts: list[str]) -> None:
    from procurewatch.mcp_server.server import PATH, http_server  # noqa: PLC0415
    from procurewatch.web.serving import listening, server_running  # noqa: PLC0415

    stop = app_context.stop
    try:
        with stopping(stop), listening(host, port) as (sockets, address):
            if not _is_loopback(host):
                typer.echo(OPEN_TO_ALL, err=True)
            with server_running(http_server(app_context, hosts), sockets, stop):
                console().print(plain(f"Serving {address}{PATH} (Ctrl-C stops)"))
                stop.wait()
    except OSError as error:
        fail(describe_listening(host, port, error))
    typer.echo(STOPPED, err=True)
