"""The command line: `procurewatch COMMAND`. A failure prints one line to stderr and exits with a nonzero code."""

from __future__ import annotations

import sys
from importlib.metadata import version
from pathlib import Path
from typing import Annotated, NoReturn

import typer
from typer.exceptions import TyperException

from feeds.text import one_line
from procurewatch.commands import cite, db, demo, doctor, export, poll, publish, search, suggest
from procurewatch.commands import review as reviewing
from procurewatch.commands import sources as about_sources
from procurewatch.commands.watchlist import vendors
from procurewatch.failures import FAILED, MISUSED, describe_failure
from procurewatch.logs import DEBUG_LOG, configure_logging
from procurewatch.settings import SettingsError, load_settings

INTERRUPTED = 130  # as a shell reports a process that SIGINT has ended
DOCTOR = "doctor"  # the one command that runs even if the settings cannot be read

app = typer.Typer(
    name="procurewatch",
    help="Watches what the US federal government pays for surveillance technology.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)
for command in (
    poll.poll,
    poll.backfill,
    poll.run,
    search.search,
    search.show,
    export.export,
    export.pack,
    publish.serve,
):
    app.command()(command)
app.command("demo")(demo.demo)
app.command(DOCTOR)(doctor.doctor)
app.command("foia")(cite.foia)
app.command("cite")(cite.cite)
app.command("sources")(about_sources.sources)
app.command("import")(about_sources.import_files)
app.command("rematch")(reviewing.rematch)
app.add_typer(db.db, name="db")
app.add_typer(publish.feeds, name="feeds")
app.add_typer(reviewing.review, name="review")
vendors.command("suggest")(suggest.suggest)
app.add_typer(vendors, name="vendors")


def _print_version(asked: bool) -> None:
    if asked:
        typer.echo(f"procurewatch {version('procurewatch')}")
        raise typer.Exit


@app.callback()
def settings(  # noqa: PLR0917  options are given by name
    context: typer.Context,
    data_dir: Annotated[Path | None, typer.Option(help="Data folder: everything the program writes.")] = None,
    database_url: Annotated[str | None, typer.Option(help="sqlite:///FILE or postgresql://...")] = None,
    log_format: Annotated[str | None, typer.Option(help="auto, human or json.")] = None,
    log_level: Annotated[str | None, typer.Option(help="Minimum log level: debug, info, warning or error.")] = None,
    debug: Annotated[bool, typer.Option("--debug", help="Show the traceback of an unexpected error.")] = False,
    _version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """Read the settings before any command."""
    DEBUG_LOG.is_shown = debug
    try:
        context.obj = load_settings(
            data_dir=data_dir, database_url=database_url, log_format=log_format, log_level=log_level
        )
    except SettingsError as error:
        if context.invoked_subcommand != DOCTOR:
            raise
        context.obj = error
        return
    DEBUG_LOG.folder = context.obj.data_dir
    DEBUG_LOG.hide(context.obj.secrets)
    configure_logging(context.obj.log_format, context.obj.log_level)


def main() -> None:
    """Run the command line and end the process."""
    try:
        code = app(standalone_mode=False)
    except TyperException as error:
        _misused(error.format_message())
    except (typer.Abort, KeyboardInterrupt):
        _end("interrupted", INTERRUPTED)
    except BrokenPipeError:
        sys.stderr.close()  # the reader has closed the pipe
        sys.exit(FAILED)
    except Exception as error:  # noqa: BLE001  the one boundary of every command
        _end(*describe_failure(error))
    else:
        sys.exit(code)


def _misused(message: str) -> NoReturn:
    """Exit with a usage error; a command without arguments prints its help."""
    if message.lstrip().startswith("Usage:"):
        sys.stderr.write(f"{message}\n")
        sys.exit(MISUSED)
    _end(f"{message.rstrip('.')} (see --help)", MISUSED)


def _end(message: str, code: int) -> NoReturn:
    sys.stderr.write(f"procurewatch: {one_line(message)}\n")
    sys.exit(code)


if __name__ == "__main__":
    main()
