"""The commands for alerts: add, list, show, preview, test, pause, resume, mute, remove, deliveries, replay, send."""

from __future__ import annotations

import difflib
import getpass
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime, time
from enum import StrEnum
from typing import Annotated, TypeVar
from zoneinfo import ZoneInfo

import typer
from sqlalchemy.orm import Session

from feeds.entries.titles import title_for
from feeds.text import format_time, one_line, pluralize
from procurewatch.alerts.channels.channel import InvalidAddress, Refused, Undelivered
from procurewatch.alerts.channels.kinds import channel_of, read_address
from procurewatch.alerts.messages import describe, subject_titles
from procurewatch.alerts.preview import DAYS, preview, unsaved
from procurewatch.alerts.schedule import describe_state
from procurewatch.alerts.sending import send_due, send_test
from procurewatch.command_line.query_options import QueryOptions, query_from_options, with_query_options
from procurewatch.command_line.terminal import FAILED, console, fail, plain, read_awards, read_day, stopping, table
from procurewatch.context import AppContext, Busy, open_app
from procurewatch.settings import Settings
from storage.alerts.deliveries import list_deliveries, load_delivery, pending_deliveries, replay_delivery
from storage.alerts.models import (
    ChannelKind,
    Delivery,
    DeliveryState,
    Rhythm,
    Subscription,
)
from storage.alerts.subscriptions import (
    add_subscription,
    list_subscriptions,
    load_subscription,
    mute_subscription,
    pause_subscription,
    remove_subscription,
    resume_subscription,
    set_rhythm,
)
from storage.database import server_time
from storage.search.query import Query

alerts = typer.Typer(help="Send what is new by e-mail, to a chat or to a webhook.", no_args_is_help=True)

MAX_TITLE, MAX_SHOWN = 200, 10
Choice = TypeVar("Choice", bound=StrEnum)
LIST = "`procurewatch alerts list` lists them"

Number = Annotated[int, typer.Argument(help="The number of an alert, from `alerts list`.", metavar="NUMBER")]
RhythmOption = Annotated[str, typer.Option("--rhythm", help="at-once, daily, weekly or monthly.")]
AwardOption = Annotated[
    str, typer.Option("--award", help="Follow one award: its key, PIID or usaspending.gov address.")
]


@alerts.command("add")
@with_query_options
def add(  # noqa: PLR0917  options are given by name
    context: typer.Context,
    options: QueryOptions,
    to: Annotated[
        str,
        typer.Option(
            "--to", help="A mail address, the URL of a webhook, or an Apprise URL (slack://...); - reads it from stdin."
        ),
    ] = "",
    rhythm: RhythmOption = Rhythm.AT_ONCE.value,
    award: AwardOption = "",
    title: Annotated[str, typer.Option("--title", help="What to call it, in messages too.")] = "",
    channel: Annotated[str, typer.Option("--channel", help="email, apprise or webhook; else by the address.")] = "",
) -> None:
    """Add an alert about a search or an award. It sends what is new there, to an address."""
    settings: Settings = context.obj
    when = _choose("--rhythm", rhythm, Rhythm)
    if not to:
        raise typer.BadParameter("--to says where to send it: a mail address, the URL of a webhook, or an Apprise URL")
    with open_app(settings) as app_context, app_context.database.reading() as session:
        query, award_key = _about(app_context, session, options, award)
        kind, address = _read_address(app_context, to, channel)
        now = server_time(session)
    with open_app(settings) as app_context, app_context.database.writing() as session:
        added = add_subscription(
            session,
            channel=kind,
            address=address,
            rhythm=when,
            now=now,
            query=query,
            award_key=award_key,
            title=one_line(title)[:MAX_TITLE],
        )
        about = describe(session, added, subject_titles(app_context, session))
    out = console()
    out.print(plain(f"Alert {added.id}: {about}, {when}, to {channel_of(app_context, kind).shown(address)}"))
    if kind is ChannelKind.WEBHOOK:
        out.print(plain(f"The secret of its signatures: {added.secret}"))
    out.print(plain(f"`procurewatch alerts test {added.id}` sends a test; `alerts send` or `run` send what is new."))


@alerts.command("list")
def list_all(context: typer.Context) -> None:
    """List all alerts. It says what each is about, where it goes, when, and its state."""
    with _opened(context) as (app_context, session):
        now, titles = server_time(session), subject_titles(app_context, session)
        waiting = {delivery.subscription_id: delivery for delivery in reversed(pending_deliveries(session))}
        rows = [
            (
                str(each.id),
                describe(session, each, titles),
                channel_of(app_context, each.channel).shown(each.address),
                each.rhythm,
                _state(app_context, each, waiting.get(each.id), now),
            )
            for each in list_subscriptions(session)
        ]
    if not rows:
        typer.echo("There are no alerts. `procurewatch alerts add --help` says how to add one.")
        return
    console().print(table("Alerts", ("No.", "About", "To", "Rhythm", "State"), rows, right=("No.",)))


@alerts.command("show")
def show(
    context: typer.Context,
    number: Number,
    secret: Annotated[
        bool, typer.Option("--secret", help="Also print the secret that signs a webhook's messages.")
    ] = False,
) -> None:
    """Show one alert."""
    with _opened(context) as (app_context, session):
        found = _load(session, number)
        now = server_time(session)
        waiting = next((each for each in pending_deliveries(session) if each.subscription_id == number), None)
        facts = {
            "About": describe(session, found, subject_titles(app_context, session)),
            "Search": found.query or ("" if found.award_key else "everything"),
            "Award": found.award_key,
            "Channel": found.channel,
            "To": channel_of(app_context, found.channel).shown(found.address),
            "Rhythm": found.rhythm,
            "State": _state(app_context, found, waiting, now),
            "Added": format_time(found.created),
            "Sent until": format_time(found.position),
            "Secret": found.secret if secret else "",
        }
    for name, value in facts.items():
        if value:
            console().print(plain(f"{name}: {value}"))


@alerts.command("preview")
@with_query_options
def preview_messages(
    context: typer.Context,
    options: QueryOptions,
    rhythm: RhythmOption = "",
    award: AwardOption = "",
    days: Annotated[int, typer.Option(min=1, max=3660, help="Number of days to look back.")] = DAYS,
) -> None:
    """Show what an alert would have sent, and how often. Name it by its number, or give a search. Nothing is sent."""
    with _opened(context) as (app_context, session):
        words, filters = options["words"], [name for name, value in options.items() if value and name != "words"]
        if len(words) == 1 and words[0].isdecimal() and not (filters or award):
            found = _load(session, int(words[0]))
        else:
            found = unsaved(*_about(app_context, session, options, award), now=server_time(session))
        if rhythm:
            found = replace(found, rhythm=_choose("--rhythm", rhythm, Rhythm))
        past = preview(session, found, app_context.settings, days)
    for message in past.shown[:MAX_SHOWN]:
        count = pluralize(len(message.events), "entry", "entries")
        console().print(plain(f"{format_time(message.when)}: {count}"))
        for event in message.events[:MAX_SHOWN]:
            console().print(plain(f"- {title_for(event)}"))
        if len(message.events) > MAX_SHOWN:
            console().print(plain(f"- and {len(message.events) - MAX_SHOWN} more"))
    if len(past.shown) > MAX_SHOWN:
        console().print(plain(f"and {pluralize(len(past.shown) - MAX_SHOWN, 'earlier message')}"))
    console().print(plain(str(past)))


@alerts.command("test")
def test(context: typer.Context, number: Number) -> None:
    """Send the newest entries to its address as a test."""
    settings: Settings = context.obj
    with open_app(settings) as app_context, stopping(app_context.stop):
        with app_context.database.reading() as session:
            found = _load(session, number)
        try:
            answer = send_test(app_context, found)
        except (Undelivered, Refused) as failure:
            fail(f"the test was not accepted: {failure}")
        console().print(plain(f"The test was accepted: {answer}"))


@alerts.command("pause")
def pause(context: typer.Context, number: Number) -> None:
    """Stop an alert until `alerts resume`. What happens in between is in the next message."""
    _change(context, number, lambda session: pause_subscription(session, number, server_time(session)))


@alerts.command("resume")
def resume(
    context: typer.Context,
    number: Number,
    from_now: Annotated[bool, typer.Option("--from-now", help="Leave out what was first seen in between.")] = False,
) -> None:
    """Resume an alert that is paused, muted or disabled. One is disabled if its address fails for days."""
    _change(
        context,
        number,
        lambda session: resume_subscription(session, number, server_time(session), from_now=from_now),
    )


@alerts.command("mute")
def mute(
    context: typer.Context,
    number: Number,
    until: Annotated[str, typer.Argument(help="The day on which it sends again, YYYY-MM-DD.", metavar="DAY")],
) -> None:
    """Stop an alert until a day. What happens in between is in the next message."""
    settings: Settings = context.obj
    moment = datetime.combine(read_day(until), time(), ZoneInfo(settings.alert_time_zone))

    def change(session: Session) -> None:
        if moment <= server_time(session):
            raise typer.BadParameter(f"{until} is not in the future")
        mute_subscription(session, number, moment)

    _change(context, number, change)


@alerts.command("rhythm")
def change_rhythm(
    context: typer.Context,
    number: Number,
    rhythm: Annotated[str, typer.Argument(help="at-once, daily, weekly or monthly.")],
) -> None:
    """Change how often an alert is sent."""
    when = _choose("the rhythm", rhythm, Rhythm)
    _change(context, number, lambda session: set_rhythm(session, number, when))


@alerts.command("remove")
def remove(context: typer.Context, number: Number) -> None:
    """Delete an alert and the log of its deliveries."""
    with open_app(context.obj) as app_context, app_context.database.writing() as session:
        _load(session, number)
        remove_subscription(session, number)
    console().print(plain(f"Alert {number} is removed."))


@alerts.command("deliveries")
def deliveries(
    context: typer.Context,
    number: Annotated[int | None, typer.Argument(help="Only those of this alert.", metavar="[NUMBER]")] = None,
    limit: Annotated[int, typer.Option(min=1, help="Maximum number of deliveries.")] = 20,
) -> None:
    """List what was sent and what failed, newest first."""
    with _opened(context) as (_app_context, session):
        if number is not None:
            _load(session, number)
        found = list_deliveries(session, number, limit)
    rows = [
        (
            str(each.id),
            str(each.subscription_id),
            format_time(each.created),
            str(each.events),
            each.state,
            str(each.attempts),
            each.error or each.answer,
        )
        for each in found
    ]
    if not rows:
        typer.echo("Nothing was sent yet.")
        return
    columns = ("Delivery", "Alert", "Stored", "Entries", "State", "Tries", "Last answer")
    console().print(table("Deliveries", columns, rows, right=("Delivery", "Alert", "Entries", "Tries")))


@alerts.command("replay")
def replay(
    context: typer.Context,
    delivery: Annotated[int, typer.Argument(help="The number of a delivery, from `alerts deliveries`.")],
) -> None:
    """Send a delivery again, with the same key and entries. What else is due is sent, too."""
    settings: Settings = context.obj
    with open_app(settings) as app_context, stopping(app_context.stop):
        with app_context.database.writing() as session:
            if not replay_delivery(session, delivery, server_time(session)):
                fail(f"there is no delivery {delivery}; `procurewatch alerts deliveries` lists them")
        _send(app_context)
        with app_context.database.reading() as session:
            found = load_delivery(session, delivery)
    if found and found.state is not DeliveryState.SENT:
        fail(f"delivery {delivery} is {found.state}: {found.error or 'its alert is paused, muted or disabled'}")
    console().print(plain(f"Delivery {delivery} was sent again."))


@alerts.command("send")
def send(context: typer.Context) -> None:
    """Send all messages that are due, once. For cron; `run` does this by itself."""
    settings: Settings = context.obj
    with open_app(settings) as app_context, stopping(app_context.stop):
        sent, failed = _send(app_context)
    console().print(plain(f"{pluralize(sent, 'message')} sent" + (f", {failed} failed" if failed else "")))
    if failed:
        raise typer.Exit(FAILED)


def _send(app_context: AppContext) -> tuple[int, int]:
    report = send_due(app_context)
    if report.is_busy:
        raise Busy("another process is sending alerts; it sends these too")
    return report.sent, report.failed


def _about(app_context: AppContext, session: Session, options: QueryOptions, award: str) -> tuple[Query | None, str]:
    """Return the search of an alert, or the key of the award that it follows. Raises `typer.BadParameter`."""
    query = query_from_options(options, app_context.watchlist)
    if not query.is_public:
        raise typer.BadParameter("an alert is about what feeds publish: it has no --band, --decision and --all")
    if not award:
        return query, ""
    if query.url_params():
        raise typer.BadParameter("--award follows one award; it does not go with a search")
    found = read_awards(session, award)
    if len(found) > 1:
        keys = ", ".join(record.key for record in found[:MAX_SHOWN])
        raise typer.BadParameter(f"several awards have the number {award}; name one by its key: {keys}")
    return None, found[0].key


def _read_address(app_context: AppContext, given: str, channel: str) -> tuple[ChannelKind, str]:
    """Return the channel and the checked address. Raises `typer.BadParameter`."""
    address = _from_stdin() if given == "-" else given
    try:
        return read_address(app_context, address, _choose("--channel", channel, ChannelKind) if channel else None)
    except InvalidAddress as error:
        raise typer.BadParameter(str(error)) from None


def _from_stdin() -> str:
    return getpass.getpass("Address: ") if sys.stdin.isatty() else sys.stdin.readline()


def _choose(name: str, given: str, choices: type[Choice]) -> Choice:
    """Return one of the choices. Raises `typer.BadParameter` with the nearest."""
    names = [choice.value for choice in choices]
    if given.lower() in names:
        return choices(given.lower())
    close = difflib.get_close_matches(given.lower(), names, n=1)
    hint = f"did you mean {close[0]}?" if close else f"write {', '.join(names[:-1])} or {names[-1]}"
    raise typer.BadParameter(f"{name} cannot be {given!r}; {hint}")


def _state(app_context: AppContext, found: Subscription, waiting: Delivery | None, now: datetime) -> str:
    """Return the state of an alert, and why a message waits."""
    settings = app_context.settings
    again = f"; `alerts resume {found.id}` tries again" if found.disabled_at else ""
    return describe_state(found, waiting, now, settings.alert_hour, settings.alert_time_zone) + again


def _load(session: Session, number: int) -> Subscription:
    return load_subscription(session, number) or fail(f"there is no alert {number}; {LIST}")


def _change(context: typer.Context, number: int, change: Callable[[Session], None]) -> None:
    """Change an alert and print its state."""
    with open_app(context.obj) as app_context, app_context.database.writing() as session:
        _load(session, number)
        change(session)
        found = _load(session, number)
        state = _state(app_context, found, None, server_time(session))
    console().print(plain(f"Alert {number}: {found.rhythm}, {state}"))


@contextmanager
def _opened(context: typer.Context) -> Iterator[tuple[AppContext, Session]]:
    """Open the program for reading."""
    with open_app(context.obj) as app_context, app_context.database.reading() as session:
        yield app_context, session
