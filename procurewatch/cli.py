"""The command line: `procurewatch COMMAND`. A failure prints one line to stderr and exits with a nonzero code.

Only the command that runs is imported, because importing all of them takes two seconds.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path
from pkgutil import resolve_name
from typing import Annotated, Any, NoReturn

import typer
from typer.core import TyperCommand, TyperGroup
from typer.exceptions import TyperException

from feeds.text import one_line
from procurewatch.command_line.help import SectionedCommand, name_values
from procurewatch.command_line.program import program_name

FAILED, MISUSED = 1, 2
INTERRUPTED = 130  # as a shell reports a process that SIGINT has ended
DOCTOR = "doctor"  # the one command that runs even if the settings cannot be read
DEMO = "demo"
INVALID = "Invalid value: "  # how typer begins the message of a `BadParameter` without an option

# The sections of the help: for each command its function or group in the package procurewatch, and what it does.
SECTIONS: Mapping[str, Mapping[str, tuple[str, str]]] = {
    "Fetch": {
        "demo": ("commands.demo:demo", "Show the program on recorded data, without a network"),
        "poll": ("commands.poll:poll", "Fetch what is new from every source"),
        "run": ("service.command:run", "Poll on schedule, with the website, until stopped"),
        "backfill": ("commands.poll:backfill", "Fetch the history of vendors"),
        "import": ("commands.sources:import_files", "Import files that you have downloaded"),
    },
    "Read": {
        "search": ("commands.search:search", "List stored records, newest first"),
        "show": ("commands.search:show", "Show one award: actions, matches, evidence"),
        "compare": ("totals.command:compare", "Add up obligations by agency, year, vendor ..."),
        "export": ("commands.export:export", "Export as CSV, JSON, Parquet, SQLite or OCDS"),
        "pack": ("commands.export:pack", "Pack records with evidence for a story"),
        "cite": ("commands.cite:cite", "Cite an award or event"),
        "foia": ("commands.cite:foia", "Write a FOIA request for an award's papers"),
    },
    "Publish": {
        "serve": ("commands.publish:serve", "Run the website"),
        "feeds": ("commands.publish:feeds", "Write the site and its feeds as files"),
        "alerts": ("alerts.command:alerts", "Send what is new by mail, chat or webhook"),
        "mcp": ("mcp_server.command:mcp", "Let language models read the records (MCP)"),
    },
    "Decide": {
        "vendors": ("commands.watchlist:vendors", "Show and edit the watchlist"),
        "review": ("commands.review:review", "Confirm or reject uncertain matches"),
        "rematch": ("commands.review:rematch", "Match all stored records again"),
    },
    "Maintain": {
        "status": ("service.command:status", "Show what `run` does and what is wrong"),
        "sources": ("commands.sources:sources", "Show the health of each source"),
        "doctor": ("commands.doctor:doctor", "Check the setup and say what to fix"),
        "db": ("commands.db:db", "Check, back up, restore and vacuum the database"),
    },
}


class LazyCommand(TyperCommand):
    """A command that is imported when it runs. `target` is its function or group in the package `procurewatch`."""

    def __init__(self, name: str, target: str, summary: str) -> None:
        super().__init__(name=name, callback=None, help=summary)
        self._target = target

    def make_context(self, info_name: str | None, args: list[str], parent: Any = None, **extra: Any) -> Any:
        """Import the command, and return the context of its call."""
        return self.load().make_context(info_name, args, parent=parent, **extra)

    def load(self) -> Any:
        """Import the command."""
        found = resolve_name(f"procurewatch.{self._target}")
        if isinstance(found, typer.Typer):
            found.rich_markup_mode = None
            command: Any = typer.main.get_group(found)
        else:
            alone = typer.Typer(add_completion=False, rich_markup_mode=None)
            alone.command(self.name, cls=SectionedCommand)(found)
            command = typer.main.get_command(alone)
        name_values(command)
        return command


class Commands(TyperGroup):
    """All commands, in the sections of the help."""

    def __init__(self, **attributes: Any) -> None:
        super().__init__(**attributes)
        for section in SECTIONS.values():
            self.commands.update({name: LazyCommand(name, *command) for name, command in section.items()})
        name_values(self)

    def format_commands(self, ctx: Any, formatter: Any) -> None:  # noqa: ARG002
        """Write the commands by section."""
        for title, section in SECTIONS.items():
            with formatter.section(title):
                formatter.write_dl([(name.ljust(10), summary) for name, (_, summary) in section.items()])


app = typer.Typer(
    cls=Commands,
    name="procurewatch",
    help="Watches what the US federal government pays for surveillance technology.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _print_version(asked: bool) -> None:
    if asked:
        typer.echo(f"procurewatch {version('procurewatch')}")
        raise typer.Exit


@app.callback()
def settings(  # noqa: PLR0917  options are given by name
    context: typer.Context,
    data_dir: Annotated[Path | None, typer.Option(help="Data folder: everything the program writes.")] = None,
    database_url: Annotated[str | None, typer.Option(help="sqlite:///FILE or postgresql://...")] = None,
    demo: Annotated[bool, typer.Option("--demo", help="Use the records of the demo.")] = False,
    log_format: Annotated[str | None, typer.Option(help="auto, human or json.")] = None,
    log_level: Annotated[str | None, typer.Option(help="Minimum log level: debug, info, warning or error.")] = None,
    debug: Annotated[bool, typer.Option("--debug", help="Show the traceback of an unexpected error.")] = False,
    _version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """Read the settings before any command."""
    from procurewatch.logs import DEBUG_LOG, configure_logging  # noqa: PLC0415  not for --help
    from procurewatch.settings import SettingsError, load_settings  # noqa: PLC0415

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
    if demo and context.invoked_subcommand != DEMO:
        from procurewatch.demo.settings import demo_settings, reason_not_to_run  # noqa: PLC0415

        context.obj = demo_settings(context.obj)
        if reason := reason_not_to_run(context.invoked_subcommand, context.obj):
            raise typer.BadParameter(reason)
    DEBUG_LOG.folder = context.obj.data_dir
    DEBUG_LOG.hide(context.obj.secrets)
    configure_logging(context.obj.log_format, context.obj.log_level)


def main() -> None:
    """Run the command line and end the process."""
    try:
        code = app(prog_name=program_name(), standalone_mode=False)
    except TyperException as error:
        _misused(error.format_message())
    except (typer.Abort, KeyboardInterrupt):
        _end("interrupted", INTERRUPTED)
    except BrokenPipeError:
        sys.stderr.close()  # the reader has closed the pipe
        sys.exit(FAILED)
    except Exception as error:  # noqa: BLE001  the one boundary of every command
        from procurewatch.failures import describe_failure  # noqa: PLC0415  imports the whole program

        _end(*describe_failure(error))
    else:
        sys.exit(code)


def _misused(message: str) -> NoReturn:
    """Exit with a usage error; a command without arguments prints its help."""
    if message.lstrip().startswith("Usage:"):
        sys.stderr.write(f"{message}\n")
        sys.exit(MISUSED)
    if message.startswith(INVALID):  # ours, which says what to do
        _end(message.removeprefix(INVALID), MISUSED)
    option = message.removeprefix("No such option: ").split()[0].rstrip(".")
    for param in typer.main.get_command(app).params:
        if option in param.opts:
            value = f" {param.metavar}" if param.metavar else ""
            _end(f"{option} goes before the command: {program_name()} {option}{value} COMMAND", MISUSED)
    _end(f"{message.replace('Value error, ', '').rstrip('.')} (see --help)", MISUSED)


def _end(message: str, code: int) -> NoReturn:
    sys.stderr.write(f"procurewatch: {one_line(message)}\n")
    sys.exit(code)


if __name__ == "__main__":
    main()
