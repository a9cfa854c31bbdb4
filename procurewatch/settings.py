"""All settings, from flags, `PROCUREWATCH_...` variables, a TOML file and these defaults, in this order.

A test compares docs/settings.md with the descriptions here.
"""

from __future__ import annotations

import difflib
import os
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Literal, Self
from urllib.parse import quote
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from platformdirs import user_config_path, user_data_path
from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    IPvAnyNetwork,
    SecretStr,
    ValidationError,
    field_validator,
    model_validator,
)
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict, TomlConfigSettingsSource
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError

from monitors.runs.jobs import Lookback
from procurewatch.command_line.program import COMMAND_VARIABLE

PREFIX = "PROCUREWATCH_"
CONFIG_VARIABLE = "PROCUREWATCH_CONFIG"
OWN_WATCHLIST = "watchlist.yaml"  # in the data folder

Days = Annotated[int, Field(ge=1, le=7300)]


class SettingsError(Exception):
    """A setting is invalid. The message is one line; `others` are the messages about other invalid settings."""

    def __init__(self, message: str, *others: str) -> None:
        super().__init__(message)
        self.others = others


class SourceSettings(BaseModel):
    """The settings of one source. Those that are not set have the source's own defaults."""

    model_config = ConfigDict(extra="forbid")

    enabled: bool | None = Field(None, description="whether to poll it; if not set, the source's default")
    base_url: str | None = Field(
        None, description="base URL, for a mirror or a test server", pattern=r"^https?://[^?#]+$"
    )
    seconds_between: float | None = Field(None, ge=0, le=3600, description="minimum seconds between two requests")
    at_once: int | None = Field(None, ge=1, le=8, description="maximum number of parallel requests")
    tries: int = Field(5, ge=1, le=20, description="maximum tries of one request")
    extra_hosts: dict[str, str] = Field(default_factory=dict, description="URLs of its other hosts, by name")
    key: SecretStr | None = Field(
        None,
        description="API key; sent in a header, or in the URL if the source requires it; never stored",
    )
    requests_per_day: int | None = Field(
        None, ge=1, description="daily quota of the key, if it differs from the default"
    )


class MailSettings(BaseModel):
    """How alerts are sent by e-mail."""

    model_config = ConfigDict(extra="forbid")

    host: str = Field("", description="name of the SMTP server; if not set, no e-mail is sent", pattern=r"^[^\s/@]*$")
    port: int | None = Field(
        None, ge=1, le=65535, description="its port; if not set, 587 for starttls, 465 for tls, 25 for none"
    )
    security: Literal["starttls", "tls", "none"] = Field(
        "starttls", description="starttls, tls (from the start) or none; certificates are verified"
    )
    user: str = Field("", description="user name on the SMTP server, if it needs one")
    password: SecretStr | None = Field(None, description="password on the SMTP server; never stored or shown")
    sender: str = Field(
        "",
        description="the address that alerts come from: alerts@example.org, or Name <alerts@example.org>",
        pattern=r"^([^<>@\s]+@[^<>@\s]+|[^<>@\r\n]+ <[^<>@\s]+@[^<>@\s]+>)?$",
    )
    timeout_seconds: float = Field(30, gt=0, le=600, description="seconds to wait for each answer of the server")

    @model_validator(mode="after")
    def _check(self) -> Self:
        if bool(self.user) != bool(self.password):
            raise ValueError("needs user and password, or neither")
        if self.password and self.security == "none":
            raise ValueError("sends no password without security = starttls or tls")
        return self

    @property
    def is_on(self) -> bool:
        """Whether e-mail can be sent."""
        return bool(self.host and self.sender)


class Settings(BaseSettings):
    """The settings of the program."""

    model_config = SettingsConfigDict(env_prefix=PREFIX, env_nested_delimiter="__", extra="forbid")

    data_dir: Path = Field(
        default_factory=lambda: user_data_path("procurewatch", appauthor=False),
        description="folder for everything the program writes",
    )
    database_url: SecretStr | None = Field(
        None, description="sqlite:///FILE or postgresql://USER@HOST/NAME; if not set, a SQLite file in the data folder"
    )
    contact: str = Field(
        "", max_length=200, description="your e-mail or web address, sent to every source in the User-Agent header"
    )
    watchlist: list[Path] = Field(
        default_factory=list,
        description="your own watchlist files, in addition to watchlist.yaml in the data folder and the included one",
    )
    ocid_prefix: str = Field(
        "procurewatch",
        description="prefix of the identifiers in OCDS exports; register your own before you publish them",
        pattern=r"^[a-z0-9]+(-[a-z0-9]+)*$",
    )
    site_url: str = Field("", description="public URL of the site, for permalinks", pattern=r"^(https?://[^?#\s]+)?$")
    websub_hub: str = Field(
        "",
        description="URL of a WebSub hub to notify of new entries; requires site_url",
        pattern=r"^(https?://[^#\s]+)?$",
    )
    site_folder: Path | None = Field(
        None, description="folder of the site's files for `feeds build`; the WebSub hub is notified after each build"
    )
    server_url: str = Field(
        "",
        description="public URL of the website that `run` or `serve` answers, for alerts, if site_url is that of files",
        pattern=r"^(https?://[^?#\s]+)?$",
    )
    feed_entries: int = Field(
        100, ge=1, le=10_000, description="number of entries in a feed; it has more if more are of the last seven days"
    )
    feed_min_change: Decimal = Field(
        Decimal(1),
        ge=0,
        description="feeds leave out modifications that only move fewer US dollars than this; 0 leaves out none",
    )
    web_token: SecretStr | None = Field(
        None, min_length=12, description="password for signing in at /review; if not set, nobody can sign in"
    )
    web_user_header: str = Field(
        "",
        pattern=r"^[A-Za-z0-9-]*$",
        description="header in which a trusted proxy sends the name of a signed-in reviewer",
    )
    metrics_token: SecretStr | None = Field(
        None,
        min_length=12,
        description="bearer token with which Prometheus reads /metrics; if not set, nobody can read it",
    )
    trusted_proxies: list[IPvAnyNetwork] = Field(
        default_factory=list,
        description="addresses or networks of reverse proxies whose X-Forwarded-For and `web_user_header` are trusted",
    )
    mail: MailSettings = Field(default_factory=MailSettings, description="how alerts are sent by e-mail")
    requests_per_minute: int = Field(600, ge=1, description="rate limit of `serve` for each client")
    poll_hours: float = Field(6, gt=0, le=24 * 31, description="hours between two polls of a source by `run`")
    alert_hour: int = Field(7, ge=0, le=23, description="hour at which daily, weekly and monthly alerts are sent")
    alert_time_zone: str = Field("UTC", description="time zone of alert_hour, such as America/New_York")
    alert_tries: int = Field(
        10, ge=1, le=100, description="failed tries of a message after which its alert is disabled; see docs/alerts.md"
    )
    alerts_to_private_addresses: bool = Field(
        False, description="whether webhooks and Apprise may reach private networks, this machine and proxies"
    )
    lookback_days: Days = Field(Lookback().signed, description="every poll covers awards signed in this many days")
    overlap_days: Days = Field(Lookback().overlap, description="days before the last poll that a poll covers again")
    full_sweep_days: Days = Field(Lookback().sweep, description="days that a full sweep covers, to find late records")
    full_sweep_every_days: Days = Field(Lookback().sweep_every, description="days between two full sweeps")
    unmatched_evidence_days: int | None = Field(
        None,
        ge=0,
        description="days after which `db vacuum` removes raw responses about records that match nothing; if not set, "
        "they stay",
    )
    log_format: Literal["auto", "human", "json"] = Field(
        "auto", description="auto, human or json; auto is human on a terminal, otherwise JSON"
    )
    log_level: Literal["debug", "info", "warning", "error"] = Field("warning", description="minimum log level")
    only_sources: list[str] = Field(default_factory=list, description="poll only these sources")
    sources: dict[str, SourceSettings] = Field(default_factory=dict, description="settings of each source")

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Return the sources of settings, highest priority first."""
        file = TomlConfigSettingsSource(settings_cls, toml_file=config_file())
        return init_settings, env_settings, file

    @field_validator("alert_time_zone")
    @classmethod
    def _is_time_zone(cls, value: str) -> str:
        try:
            ZoneInfo(value)
        except (ZoneInfoNotFoundError, ValueError, OSError):
            raise ValueError(f"{value!r} is not a time zone; write it as America/New_York") from None
        return value

    @model_validator(mode="after")
    def _name_the_proxy(self) -> Self:
        if self.web_user_header and not self.trusted_proxies:
            raise ValueError("web_user_header needs trusted_proxies, the address of the proxy that sends it")
        return self

    @property
    def answering_url(self) -> str:
        """The public URL at which a server answers, "" if none is known; with `site_folder`, `site_url` is of files."""
        return self.server_url or ("" if self.site_folder else self.site_url)

    @property
    def lookback(self) -> Lookback:
        """The days that polls cover."""
        return Lookback(
            signed=self.lookback_days,
            overlap=self.overlap_days,
            sweep=self.full_sweep_days,
            sweep_every=self.full_sweep_every_days,
        )

    @property
    def watchlist_files(self) -> list[Path]:
        """The user's watchlist files: the one in the data folder, if it exists, then those in the setting."""
        own = self.data_dir / OWN_WATCHLIST
        named = [file for file in self.watchlist if file.absolute() != own.absolute()]
        return [own, *named] if own.is_file() else named

    @property
    def own_watchlist(self) -> Path:
        """The file that `vendors add` and `vendors import` write: the last in the setting, or the data folder's."""
        return self.watchlist[-1] if self.watchlist else self.data_dir / OWN_WATCHLIST

    def database(self) -> str:
        """Return the database URL, including its password."""
        if self.database_url:
            return self.database_url.get_secret_value()
        file = quote(str(self.data_dir.absolute() / "procurewatch.sqlite3"), safe="/")
        return f"sqlite:///{file}"

    @property
    def secrets(self) -> list[str]:
        """The keys and passwords among the settings."""
        tokens = (self.web_token, self.metrics_token, self.mail.password)
        given = [*(source.key for source in self.sources.values()), *tokens]
        try:
            password = make_url(self.database()).password
        except (ArgumentError, ValueError):
            password = self.database()  # its password cannot be told apart
        return [*(each.get_secret_value().strip() for each in given if each), *([str(password)] if password else [])]

    def source(self, name: str) -> SourceSettings:
        """Return the settings of a source."""
        return self.sources.get(name) or SourceSettings()


def config_file() -> Path:
    """Return the path of the TOML file: `PROCUREWATCH_CONFIG`, or in the user's configuration folder."""
    named = os.environ.get(CONFIG_VARIABLE)
    return Path(named) if named else user_config_path("procurewatch", appauthor=False) / "procurewatch.toml"


def load_settings(**flags: object) -> Settings:
    """Return the settings; `flags` that are `None` are ignored.

    Raises:
        SettingsError: a value or name is invalid, or the file cannot be read.
    """
    _reject_unknown_variables()
    if os.environ.get(CONFIG_VARIABLE) and not config_file().is_file():
        raise SettingsError(f"{CONFIG_VARIABLE} names a file that does not exist: {config_file()}")
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
    message = message.removeprefix("Value error, ")
    if not where:  # about several settings
        return message
    if kind == "too_short":  # of a secret, whose characters the library calls items
        message = message.partition(" items")[0] + " characters"
    return f"setting {where}: {message[0].lower()}{message[1:]}"


def _reject_unknown_variables() -> None:
    """Raise `SettingsError` for misspelled variables, which would otherwise be ignored."""
    known = {PREFIX + name.upper() for name in Settings.model_fields} | {CONFIG_VARIABLE, COMMAND_VARIABLE}
    wrong = []
    for name in os.environ:
        if name.upper().startswith(PREFIX) and name.upper().split("__")[0] not in known:
            close = difflib.get_close_matches(name.upper(), sorted(known), n=1)
            wrong.append(f"unknown variable {name}" + (f"; did you mean {close[0]}?" if close else ""))
    if wrong:
        raise SettingsError(*wrong)
