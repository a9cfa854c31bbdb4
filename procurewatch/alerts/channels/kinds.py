"""The channels by kind. Each is imported when it is used: some need large libraries."""

from __future__ import annotations

from pkgutil import resolve_name

from procurewatch.alerts.channels.channel import Channel, InvalidAddress
from procurewatch.context import AppContext
from storage.alerts.models import ChannelKind

CHANNELS = {
    ChannelKind.EMAIL: "procurewatch.alerts.channels.mail:MailChannel",
    ChannelKind.APPRISE: "procurewatch.alerts.channels.apprise_channel:AppriseChannel",
    ChannelKind.WEBHOOK: "procurewatch.alerts.channels.webhook:WebhookChannel",
}


def channel_of(app_context: AppContext, kind: ChannelKind) -> Channel:
    """Return the channel of a kind."""
    channel: Channel = resolve_name(CHANNELS[kind])(app_context)
    return channel


def read_address(app_context: AppContext, given: str, kind: ChannelKind | None = None) -> tuple[ChannelKind, str]:
    """Return the channel of an address, and the address as it is stored. Raises `InvalidAddress`."""
    address, reason = given.strip(), ""
    for each in [kind] if kind else _possible_kinds(address):
        try:
            return each, channel_of(app_context, each).check(address)
        except InvalidAddress as error:
            reason = str(error)
    raise InvalidAddress(reason)


def _possible_kinds(address: str) -> list[ChannelKind]:
    """Return the channels that an address may be for: Apprise knows the web addresses of some services."""
    if address.lower().startswith(("http://", "https://")):
        return [ChannelKind.APPRISE, ChannelKind.WEBHOOK]
    return [ChannelKind.APPRISE if "://" in address else ChannelKind.EMAIL]
