"""The help of a command: options in sections, and their values in words instead of types."""

from __future__ import annotations

from typing import Any

from typer.core import TyperCommand

# What stands for the value of an option or argument; any other has its own name, in upper case.
VALUES = {
    "since": "DAY",
    "until": "DAY",
    "seen_since": "DAY",
    "seen_until": "DAY",
    "ends_since": "DAY",
    "ends_until": "DAY",
    "fiscal_year": "YEAR",
    "to": "ADDRESS",
    "min_amount": "DOLLARS",
    "max_amount": "DOLLARS",
    "min_change": "DOLLARS",
    "output": "FILE",
    "docx": "FILE",
    "data_dir": "FOLDER",
    "feeds": "FOLDER",
    "database_url": "URL",
    "site_url": "URL",
    "words": "WORD",
}


class SectionedCommand(TyperCommand):
    """A command whose help has a section for each `rich_help_panel` of its options, in order."""

    def format_options(self, ctx: Any, formatter: Any) -> None:
        """Write the arguments, then the options by section, those without one last."""
        sections: dict[str, list[tuple[str, str]]] = {"Arguments": []}
        others: list[tuple[str, str]] = []
        for param in self.get_params(ctx):
            if record := param.get_help_record(ctx):
                is_argument = param.param_type_name == "argument"
                title = "Arguments" if is_argument else getattr(param, "rich_help_panel", None)
                (sections.setdefault(title, []) if title else others).append(record)
        for title, records in {**sections, "Options": others}.items():
            if records:
                with formatter.section(title):
                    formatter.write_dl(records)


def name_values(command: Any) -> None:
    """Name the values of a command's options and arguments, and of its subcommands', in words."""
    for param in command.params:
        is_option = param.param_type_name == "option"
        if param.metavar is None and not getattr(param, "is_flag", False) and not param.type_descriptor.is_choice:
            is_number = param.type_descriptor.annotation in {int, float}
            own = param.opts[0].lstrip("-").replace("-", "_").upper()
            param.metavar = VALUES.get(param.name, "N" if is_number else own)
        if is_option and param.multiple and "epeatable" not in (param.help or ""):
            param.help = f"{(param.help or '').removesuffix('.')}; repeatable."
        if not is_option:
            name, rest = param.metavar or param.name.upper(), "..." if param.nargs != 1 else ""
            usage = [name + rest if param.required else f"[{name}]{rest}"]
            param.get_usage_pieces = lambda _ctx, usage=usage: usage
            if not param.type_descriptor.is_choice:
                param.display_type_rich = lambda ctx: None  # noqa: ARG005  the name says it
    for inner in getattr(command, "commands", {}).values():
        name_values(inner)
