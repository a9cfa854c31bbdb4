"""What an app context passes to a source: its address, its rate limit, and its key in the right header."""

from __future__ import annotations

from pathlib import Path

import pytest

from procurewatch.context import open_app
from procurewatch.settings import Settings, SettingsError
from sources.usaspending.awards import Usaspending
from tests.sources.scripted_server import ScriptedServer


class Keyed(Usaspending):
    """A source that needs a key."""

    api_key_header = "X-Api-Key"


def settings(folder: Path, **source: object) -> Settings:
    return Settings.model_validate({"data_dir": folder, "sources": {"usaspending": {"seconds_between": 0, **source}}})


def test_an_api_key_in_the_settings_reaches_its_source(tmp_path: Path) -> None:
    with (
        ScriptedServer() as server,
        open_app(settings(tmp_path, base_url=server.base_url, key=" sesame\n")) as app_context,
    ):
        for source in (Keyed(), Usaspending()):
            with app_context.client(source) as client:
                client.get("/")
    assert [request.headers.get("x-api-key") for request in server.requests] == ["sesame", None]


def test_an_invalid_api_key_is_an_invalid_setting(tmp_path: Path) -> None:
    with open_app(settings(tmp_path, key="ses\name")) as app_context, pytest.raises(SettingsError) as raised:
        app_context.client(Keyed())
    assert "ame" not in str(raised.value)
