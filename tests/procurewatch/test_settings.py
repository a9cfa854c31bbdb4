"""Settings: where they come from, and one clear line for each way they can be wrong."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from procurewatch.settings import MailSettings, Settings, SettingsError, SourceSettings, load_settings

DOCS = Path(__file__).parents[2] / "docs" / "settings.md"


def test_precedence_is_flags_variables_file_defaults(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "procurewatch.toml"
    file.write_text('contact = "from file"\npoll_hours = 3\nfeed_entries = 30\n[sources.usaspending]\nat_once = 2\n')
    monkeypatch.setenv("PROCUREWATCH_CONFIG", str(file))
    monkeypatch.setenv("PROCUREWATCH_POLL_HOURS", "4")
    monkeypatch.setenv("PROCUREWATCH_FEED_ENTRIES", "40")
    settings = load_settings(feed_entries=50, contact=None)
    assert (settings.contact, settings.poll_hours, settings.feed_entries) == ("from file", 4, 50)
    assert settings.source("usaspending").at_once == 2
    assert settings.overlap_days == Settings.model_fields["overlap_days"].default


def test_a_source_is_set_by_variables(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PROCUREWATCH_SOURCES__USASPENDING__SECONDS_BETWEEN", "2.5")
    assert load_settings().source("usaspending").seconds_between == 2.5


@pytest.mark.parametrize(
    ("variables", "complaint"),
    [
        ({"PROCUREWATCH_POLL_HOUR": "3"}, "unknown variable PROCUREWATCH_POLL_HOUR; did you mean PROCUREWATCH_POLL_H"),
        ({"PROCUREWATCH_POLL_HOURS": "often"}, "setting poll_hours: input should be a valid number"),
        ({"PROCUREWATCH_POLL_HOURS": "-1"}, "setting poll_hours: input should be greater than 0"),
        ({"PROCUREWATCH_SOURCES__USASPENDING__BASE_URL": "ftp://x"}, "setting sources.usaspending.base_url: string"),
        ({"PROCUREWATCH_SOURCES__USASPENDING__PACE": "1"}, "unknown setting 'sources.usaspending.PACE'"),
        ({"PROCUREWATCH_CONFIG": "/nowhere/at-all.toml"}, "PROCUREWATCH_CONFIG names a file that does not exist"),
        ({"PROCUREWATCH_WEB_TOKEN": "sesame"}, "setting web_token: value should have at least 12 characters"),
        ({"PROCUREWATCH_WEB_USER_HEADER": "X-User"}, "web_user_header needs trusted_proxies"),
        ({"PROCUREWATCH_TRUSTED_PROXIES": '["localhost"]'}, "setting trusted_proxies.0: value is not a valid IPv4"),
        ({"PROCUREWATCH_ALERT_TIME_ZONE": "New York"}, "setting alert_time_zone: 'New York' is not a time zone"),
        ({"PROCUREWATCH_ALERT_HOUR": "24"}, "setting alert_hour: input should be less than or equal to 23"),
        ({"PROCUREWATCH_MAIL__USER": "me"}, "setting mail: needs user and password, or neither"),
        (
            {"PROCUREWATCH_MAIL": '{"user": "me", "password": "x", "security": "none"}'},
            "setting mail: sends no password without security",
        ),
        ({"PROCUREWATCH_MAIL__SENDER": "a@b.org\nBcc: c@d.org"}, "setting mail.sender: string should match pattern"),
        ({"PROCUREWATCH_LOG_FORMAT": "xml"}, "setting log_format: input should be 'auto', 'human' or 'json'"),
    ],
)  # fmt: skip
def test_a_wrong_setting_is_one_clear_line(
    variables: dict[str, str], complaint: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(SettingsError) as raised:
        load_settings()
    assert str(raised.value).casefold().startswith(complaint.casefold())
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize("content", ["feed_entries = ", "colour = 1", "sources = 3", "\udcff\x00"])
def test_an_invalid_file_is_one_clear_line(content: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "procurewatch.toml"
    file.write_bytes(content.encode("utf-8", "surrogateescape"))
    monkeypatch.setenv("PROCUREWATCH_CONFIG", str(file))
    with pytest.raises(SettingsError) as raised:
        load_settings()
    assert "\n" not in str(raised.value)


def test_a_password_and_a_key_are_never_shown() -> None:
    settings = Settings.model_validate(
        {"database_url": "postgresql://u:sesame@h/n", "sources": {"usaspending": {"key": "open-sesame"}},
         "mail": {"user": "u", "password": "mail-sesame"}}
    )  # fmt: skip
    assert "sesame" not in repr(settings)
    assert set(settings.secrets) == {"sesame", "open-sesame", "mail-sesame"}
    assert settings.database() == "postgresql://u:sesame@h/n"


@pytest.mark.parametrize("name", [*Settings.model_fields, *SourceSettings.model_fields, *MailSettings.model_fields])
def test_every_setting_is_documented_with_its_description(name: str) -> None:
    field = (Settings.model_fields | SourceSettings.model_fields | MailSettings.model_fields)[name]
    assert field.description
    rows = [line for line in DOCS.read_text().splitlines() if re.match(rf"\| `{name}` \|", line)]
    assert len(rows) == 1, f"docs/settings.md needs one row for {name}"
    assert field.description in rows[0], f"docs/settings.md tells something else of {name}"
