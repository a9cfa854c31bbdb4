"""All settings in one place: flags, then `PROCUREWATCH_...` variables, then a TOML file, then these defaults.

docs/settings.md lists them, and a test keeps that list true.
"""

from __future__ import annotations

import difflib
import os
from pathlib import Path
from typing import Annotated, Literal

from platformdirs import user_config_path, user_data_path
from pydantic import BaseModel, ConfigDict, Field, SecretStr, ValidationError
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict, TomlConfigSettingsSource

from monitors.runs.jobs import Lookback

PREFIX = "PROCUREWATCH_"
CONFIG_VARIABLE = "PROCUREWATCH_CONFIG"
OWN_WATCHLIST = "watchlist.yaml"  # in the data folder

Days = Annotated[int, Field(ge=1, le=7300)]


class SettingsError(Exception):
    """A setting is wrong. The message is one line: which, why, what is allowed. `others` are further ones, likewise."""

    def __init__(self, message: str, *others: str) -> None:
        super().__init__(message)
        self.others = others


class SourceSettings(BaseModel):
    """How one source is asked: its address, its rate limit and its key. What is not set is as the source has it."""

    model_config = ConfigDict(extra="forbid")

    enabled: bool | None = Field(None, description="whether `run` and `poll` ask it; not set: as the source has it")
    base_url: str | None = Field(
        None, description="address, for a mirror or a test server", pattern=r"^https?://[^?#]+$"
    )
    seconds_between: float | None = Field(None, ge=0, le=3600, description="seconds between two requests")
    at_once: int | None = Field(None, ge=1, le=8, description="requests under way at once")
    tries: int = Field(5, ge=1, le=20, description="tries of one request before it is given up")
    extra_hosts: dict[str, str] = Field(
        default_factory=dict, description="addresses of its other hosts, by their names"
    )
    key: SecretStr | None = Field(
        None,
        description="API key, where the source needs one; sent in a header, else in the address; never stored",
    )
    requests_a_day: int | None = Field(None, ge=1, description="what the key may ask in a day, where it has a quota")


class Settings(BaseSettings):
    """What the program can be told."""

    model_config = SettingsConfigDict(env_prefix=PREFIX, env_nested_delimiter="__", extra="forbid")

    data_dir: Path = Field(
        default_factory=lambda: user_data_path("procurewatch", appauthor=False),
        description="folder for everything the program writes",
    )
    database_url: SecretStr | None = Field(
        None, description="sqlite:///FILE or postgresql://USER@HOST/NAME; a SQLite file in the data folder if not set"
    )
    contact: str = Field(
        "", max_length=200, description="your e-mail or web address, told to every source in the User-Agent"
    )
    watchlist: list[Path] = Field(
        default_factory=list,
        description="your own watchlist files, besides watchlist.yaml in the data folder; they add to the shipped one",
    )
    ocid_prefix: str = Field(
        "procurewatch",
        description="what identifiers in OCDS exports begin with: your registered prefix, if you publish them",
        pattern=r"^[a-z0-9]+(-[a-z0-9]+)*$",
    )
    site_url: str = Field(
        "", description="public address of the published pages, for permalinks", pattern=r"^(https?://[^?#\s]+)?$"
    )
    websub_hub: str = Field(
        "",
        description="address of a WebSub hub, named in feeds and told of news; needs site_url",
        pattern=r"^(https?://[^#\s]+)?$",
    )
    feed_entries: int = Field(100, ge=1, le=10_000, description="entries in one feed")
    web_token: SecretStr | None = Field(
        None, min_length=12, description="what a reviewer signs in with at /review; not set: nobody can"
    )
    web_user_header: str = Field(
        "", pattern=r"^[A-Za-z0-9-]*$", description="header in which a trusted proxy names who may review"
    )
    trusted_proxies: list[str] = Field(
        default_factory=lambda: ["127.0.0.1", "::1"],
        description="addresses of proxies whose X-Forwarded-For and `web_user_header` are believed",
    )
    requests_a_minute: int = Field(600, ge=1, description="requests that one client may send to `serve` in a minute")
    poll_hours: float = Field(6, gt=0, le=24 * 31, description="hours between two polls of a source by `run`")
    signed_days: Days = Field(Lookback().signed, description="every poll asks for awards signed in so many days")
    overlap_days: Days = Field(Lookback().overlap, description="days before its watermark that a poll asks for again")
    sweep_days: Days = Field(Lookback().sweep, description="days a sweep looks back for what arrived late")
    sweep_every_days: Days = Field(Lookback().sweep_every, description="days between two sweeps")
    log_format: Literal["auto", "human", "json"] = Field("auto", description="auto: human on a terminal, else JSON")
    log_level: Literal["debug", "info", "warning", "error"] = Field("warning", description="least level that is logged")
    only_sources: list[str] = Field(default_factory=list, description="ask these sources and no others")
    sources: dict[str, SourceSettings] = Field(default_factory=dict, description="how each source is asked")

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Say where settings come from, the strongest first."""
        file = TomlConfigSettingsSource(settings_cls, toml_file=config_file())
        return init_settings, env_settings, file

    @property
    def lookback(self) -> Lookback:
        """How far back polls look."""
        return Lookback(
            signed=self.signed_days,
            overlap=self.overlap_days,
            sweep=self.sweep_days,
            sweep_every=self.sweep_every_days,
        )

    @property
    def watchlist_files(self) -> list[Path]:
        """The user's own watchlist files: that of the data folder if there is one, then those that are named."""
        own = self.data_dir / OWN_WATCHLIST
        named = [file for file in self.watchlist if file.absolute() != own.absolute()]
        return [own, *named] if own.is_file() else named

    @property
    def own_watchlist(self) -> Path:
        """The file that `vendors add` and `vendors import` write: the last that is named, else the data folder's."""
        return self.watchlist[-1] if self.watchlist else self.data_dir / OWN_WATCHLIST

    def database(self) -> str:
        """Return the database's URL, password and all."""
        if self.database_url:
            return self.database_url.get_secret_value()
        return f"sqlite:///{self.data_dir.absolute() / 'procurewatch.sqlite3'}"

    def source(self, name: str) -> SourceSettings:
        """Return how a source is asked."""
        return self.sources.get(name) or SourceSettings()


def config_file() -> Path:
    """Return where the TOML file is: `PROCUREWATCH_CONFIG`, else in the user's configuration folder."""
    named = os.environ.get(CONFIG_VARIABLE)
    return Path(named) if named else user_config_path("procurewatch", appauthor=False) / "procurewatch.toml"


def load_settings(**flags: object) -> Settings:
    """Return the settings; `flags` that are `None` were not given.

    Raises:
        SettingsError: a value is not allowed, a name is not known, or the named file cannot be read.
    """
    _refuse_unknown_variables()
    if os.environ.get(CONFIG_VARIABLE) and not config_file().is_file():
        raise SettingsError(f"{CONFIG_VARIABLE} names a file that is not there: {config_file()}")
    given = {name: value for name, value in flags.items() if value is not None}
    try:
        return Settings.model_validate({}) if not given else Settings(**given)  # type: ignore[arg-type]
    except ValidationError as error:
        wrong = [(".".join(map(str, each["loc"])), str(each["msg"]), each["type"]) for each in error.errors()]
        raise SettingsError(*(_explain(*each) for each in wrong)) from error
    except (ValueError, OSError) as error:
        raise SettingsError(f"{config_file()}: {error}") from error


def _explain(where: str, message: str, kind: str) -> str:
    if kind == "extra_forbidden":
        names = difflib.get_close_matches(where.rpartition(".")[2], list(Settings.model_fields), n=1)
        return f"unknown setting {where!r}" + (f"; did you mean {names[0]!r}?" if names else "; see docs/settings.md")
    if kind == "too_short":  # of a secret, whose characters the library calls items
        message = message.partition(" items")[0] + " characters"
    return f"setting {where}: {message[0].lower()}{message[1:]}"


def _refuse_unknown_variables() -> None:
    """A misspelt variable would be ignored, and the program do something else than it was told."""
    known = {PREFIX + name.upper() for name in Settings.model_fields} | {CONFIG_VARIABLE}
    wrong = []
    for name in os.environ:
        if name.upper().startswith(PREFIX) and name.upper().split("__")[0] not in known:
            close = difflib.get_close_matches(name.upper(), sorted(known), n=1)
            wrong.append(f"unknown variable {name}" + (f"; did you mean {close[0]}?" if close else ""))
    if wrong:
        raise SettingsError(*wrong)
