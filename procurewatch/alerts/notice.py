"""The notice to whoever runs the program that an alert is disabled: a mail to `contact`, if that is a mail address."""

from __future__ import annotations

import structlog

from feeds.urls import site_url
from procurewatch.alerts.channels.channel import InvalidAddress, Refused, Undelivered
from procurewatch.alerts.channels.kinds import channel_of
from procurewatch.alerts.channels.mail import MailChannel
from procurewatch.alerts.messages import describe, subject_titles
from procurewatch.context import AppContext
from storage.alerts.models import Subscription

log = structlog.get_logger(__name__)


def send_notice(app_context: AppContext, alert: Subscription, reason: str) -> None:
    """Say that an alert was disabled, and why; once. A failure is only logged: `status` and `/health` say it too."""
    settings = app_context.settings
    if not settings.mail.is_on or "@" not in settings.contact or "://" in settings.contact:
        return
    with app_context.database.reading() as session:
        about = describe(session, alert, subject_titles(app_context, session))
    to = channel_of(app_context, alert.channel).shown(alert.address)
    base = settings.answering_url
    page = f"\nIts page: {site_url(base, f'alerts/{alert.id}')}" if base else ""
    text = (
        f"Procurewatch cannot send alert {alert.id} ({about}) to {to}:\n\n{reason}\n\n"
        "It sends nothing more of this alert until you resume it. Nothing is lost: what is first seen until then is in "
        f"its next messages. When the address works again, run:\n\n    procurewatch alerts resume {alert.id}\n{page}\n"
    )
    try:
        MailChannel(app_context).notify(settings.contact, f"Alert {alert.id} is disabled: {about}", text)
    except (InvalidAddress, Refused, Undelivered) as failure:
        log.warning("the notice of a disabled alert could not be sent", subscription=alert.id, reason=str(failure))
