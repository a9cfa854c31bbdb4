"""The templates: autoescaped, strict about what they are given, and cleaned of what is not text."""

from __future__ import annotations

import functools
import importlib.resources

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from feeds.facts import obligation_in_words
from feeds.text import clean, day, moment, one_line, plural


def render(name: str, **context: object) -> str:
    """Return a template of `feeds/pages/` filled in. Strings are cleaned and escaped unless they are `Markup`."""
    return _environment().get_template(name).render(context)


def stylesheet() -> bytes:
    """Return the one style sheet of the pages."""
    return importlib.resources.files("feeds").joinpath("pages", "style.css").read_bytes()


@functools.cache
def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("feeds", "pages"),
        autoescape=True,
        auto_reload=False,
        undefined=StrictUndefined,
        finalize=_finalize,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters |= {
        "day": day,
        "moment": moment,
        "obligation": obligation_in_words,
        "one_line": one_line,
        "plural": plural,
    }
    return environment


def _finalize(value: object) -> object:
    # Cleaning here, where everything passes, leaves no template the chance to forget it.
    return clean(value) if isinstance(value, str) and not isinstance(value, Markup) else value
