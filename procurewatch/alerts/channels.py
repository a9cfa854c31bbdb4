"""The channels by kind. Each is imported when it is used: some need large libraries."""

from __future__ import annotations

from pkgutil import resolve_name

from procurewatch.alerts.channel import Channel
from procurewatch.context import AppContext
from storage.alerts.models import ChannelKind

CHANNELS = {
    ChannelKind.EMAIL: "procurewatch.alerts.mail:MailChannel",
    ChannelKind.APPRISE: "procurewatch.alerts.apprise_channel:AppriseChannel",
    ChannelKind.WEBHOOK: "procurewatch.alerts.webhook:WebhookChannel",
}


def channel_of(app_context: AppContext, kind: ChannelKind) -> Channel:
    """Return the channel of a kind."""
    channel: Channel = resolve_name(CHANNELS[kind])(app_context)
    return channel
