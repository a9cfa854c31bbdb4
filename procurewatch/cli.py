"""The command line: `procurewatch COMMAND`. A failure prints one line to stderr and exits with a nonzero code."""

from __future__ import annotations

import sys
from importlib.metadata import version
from pathlib import Path
from typing import Annotated, NoReturn

import typer
from sqlalchemy.exc import DBAPIError
from typer.exceptions import TyperException

from feeds.text import one_line
from monitors.watchlist.yaml_reader import WatchlistError
from procurewatch.commands import cite, demo, doctor, export, poll, publish, search, suggest
from procurewatch.commands import review as reviewing
from procurewatch.commands import sources as about_sources
from procurewatch.commands.watchlist import vendors
from procurewatch.context import Busy
from procurewatch.exports.parquet import ParquetMissing
from procurewatch.logs import configure_logging
from procurewatch.settings import SettingsError, load_settings
from sources.errors import SourceError
from storage.database import DatabaseError

FAILED, MISUSED, BUSY = 1, 2, 3
DOCTOR = "doctor"  # the one command that runs even if the settings cannot be read
CODES: dict[type[Exception], int] = {
    SettingsError: MISUSED,
    WatchlistError: MISUSED,
    Busy: BUSY,
    DatabaseError: FAILED,
    SourceError: FAILED,
    ParquetMissing: FAILED,
}

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
app.add_typer(publish.feeds, name="feeds")
app.add_typer(reviewing.review, name="review")
vendors.command("suggest")(suggest.suggest)
app.add_typer(vendors, name="vendors")


def _print_version(asked: bool) -> None:
    if asked:
        typer.echo(f"procurewatch {version('procurewatch')}")
        raise typer.Exit


@app.callback()
def settings(
    context: typer.Context,
    data_dir: Annotated[Path | None, typer.Option(help="Data folder: everything the program writes.")] = None,
    database_url: Annotated[str | None, typer.Option(help="sqlite:///FILE or postgresql://...")] = None,
    log_format: Annotated[str | None, typer.Option(help="auto, human or json.")] = None,
    log_level: Annotated[str | None, typer.Option(help="Minimum log level: debug, info, warning or error.")] = None,
    _version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """Read the settings before any command."""
    try:
        context.obj = load_settings(
            data_dir=data_dir, database_url=database_url, log_format=log_format, log_level=log_level
        )
    except SettingsError as error:
        if context.invoked_subcommand != DOCTOR:
            raise
        context.obj = error
        return
    configure_logging(context.obj.log_format, context.obj.log_level)


def main() -> None:
    """Run the command line and end the process."""
    try:
        code = app(standalone_mode=False)
    except TyperException as error:
        _misused(error.format_message())
    except tuple(CODES) as error:
        _end(str(error), next(code for kind, code in CODES.items() if isinstance(error, kind)))
    except DBAPIError as error:
        _end(f"database error: {error.orig}; no partial data was stored, run the command again", FAILED)
    except BrokenPipeError:
        sys.stderr.close()  # the reader has closed the pipe
        sys.exit(FAILED)
    except OSError as error:
        _end(f"{error.filename or 'a file'}: {error.strerror or error}", FAILED)
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
