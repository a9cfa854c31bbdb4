"""Alerts on the website: adding, changing, testing and removing them, and the signed link in a message."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from httpx import Client

from procurewatch.alerts.links import link_token
from procurewatch.alerts.sending import send_due
from procurewatch.context import AppContext
from procurewatch.settings import MailSettings
from storage.alerts.deliveries import list_deliveries
from storage.alerts.models import ChannelKind, Rhythm, Subscription, SubscriptionState
from storage.alerts.subscriptions import add_subscription, list_subscriptions
from storage.database import open_database, server_time
from storage.search.query import Query
from tests.procurewatch.alerts.smtp_server import Mailbox, smtp_server
from tests.procurewatch.site import context_for, serve
from tests.procurewatch.web.fixtures import TOKEN, csrf, sign_in, tree_of
from tests.records import BABEL, CLEARVIEW, match
from tests.storage.database_helpers import save

BABEL_PAGE = f"/awards/{BABEL.key}.html"


@pytest.fixture
def mailbox() -> Mailbox:
    return Mailbox()


@pytest.fixture
def alerted(tmp_path: Path, mailbox: Mailbox) -> Iterator[tuple[Client, AppContext]]:
    """A client of a website that sends mails to a mailbox."""
    with closing(open_database(f"sqlite:///{tmp_path}/alerts.sqlite3")) as database, smtp_server(mailbox) as port:
        save(database, CLEARVIEW, match(CLEARVIEW))
        mail = MailSettings(host="127.0.0.1", port=port, security="none", sender="alerts@example.org")
        app = context_for(database, tmp_path, mail=mail.model_dump())
        with serve(app) as address, Client(base_url=address, follow_redirects=True, timeout=60) as client:
            settings = app.settings.model_copy(update={"site_url": address})
            yield client, replace(app, settings=settings)


def words(page: bytes) -> str:
    return " ".join(" ".join(tree_of(page).itertext()).split())


def stored(app: AppContext) -> list[Subscription]:
    with app.database.reading() as session:
        return list_subscriptions(session)


def add(app: AppContext, query: Query | None = None, **given: str) -> Subscription:
    with app.database.writing() as session:
        return add_subscription(
            session, channel=ChannelKind.EMAIL, address="ana@example.org", rhythm=Rhythm.AT_ONCE, query=query,
            now=server_time(session), **given,
        )  # fmt: skip


def state_of(app: AppContext) -> SubscriptionState:
    [found] = stored(app)
    with app.database.reading() as session:
        return found.state(server_time(session))


def test_an_alert_is_added_from_a_search_after_signing_in(alerted: tuple[Client, AppContext]) -> None:
    client, app = alerted
    href = tree_of(client.get("/search?q=clearview").content).xpath("//a[contains(., 'Alert me')]/@href")[0]
    page = client.get(f"/{href}")
    assert "enter the token" in words(page.content)
    [then] = tree_of(page.content).xpath("//input[@name='then']/@value")
    page = client.post("/review/sign-in", data={"name": "Ana", "token": TOKEN, "then": then})
    assert page.url.path == "/alerts/add"
    assert "About records with “clearview”" in words(page.content)
    assert "In the last 90 days, it would have sent" in words(page.content)
    form = {"csrf": csrf(page.text), "query": "q=clearview", "rhythm": "at-once", "title": "Clearview\r\nBcc: x"}
    refused = client.post("/alerts/add", data={**form, "address": "ana@"})
    assert refused.status_code == 400
    assert "This is not a mail address; write it as name@example.org." in words(refused.content)
    assert stored(app) == []
    shown = client.post("/alerts/add", data={**form, "address": "ana@example.org", "do": "preview"})
    assert stored(app) == []
    assert tree_of(shown.content).xpath("//input[@id='address']/@value") == ["ana@example.org"]
    page = client.post("/alerts/add", data={**form, "address": "ana@example.org"})
    [found] = stored(app)
    assert page.url.path == f"/alerts/{found.id}"
    assert (found.query, found.address, found.rhythm) == ("q=clearview", "ana@example.org", Rhythm.AT_ONCE)
    assert found.title == "Clearview Bcc: x"
    assert "ana@example.org" in words(client.get("/alerts").content)


def test_an_award_is_followed_and_its_news_sent(alerted: tuple[Client, AppContext], mailbox: Mailbox) -> None:
    client, app = alerted
    save(app.database, BABEL, match(BABEL, "babel-street"))
    [href] = tree_of(client.get(BABEL_PAGE).content).xpath("//a[contains(., 'Follow this contract')]/@href")
    token = sign_in(client)
    page = client.get(str(client.base_url.join(f"{BABEL_PAGE.rpartition('/')[0]}/{href}")))
    assert f"About award {BABEL.piid}" in words(page.content)
    form = {"csrf": token, "award": BABEL.key, "rhythm": "at-once", "address": "ana@example.org"}
    client.post("/alerts/add", data=form)
    newer = replace(BABEL.actions[0], modification="P00009", key=BABEL.actions[0].key.replace("_0_", "_P00009_"))
    save(
        app.database,
        replace(BABEL, actions=(*BABEL.actions, newer)),
        match(BABEL, "babel-street"),
        now=app.database.now(),
    )
    assert send_due(app).sent == 1
    [mail] = mailbox.mails
    link = mail["List-Unsubscribe"].strip("<>")
    assert client.get(link).status_code == 200
    body = mail.get_body(("html",))
    assert body is not None
    assert link in body.get_content()
    assert "P00009" in mail["Subject"]


def test_a_list_page_and_a_form_need_a_login_and_the_token_of_the_form(alerted: tuple[Client, AppContext]) -> None:
    client, app = alerted
    found = add(app)
    for path in ("/alerts", "/alerts/add", f"/alerts/{found.id}", f"/alerts/{found.id}/mail"):
        answer = client.get(path)
        assert "Sign in" in words(answer.content)
        assert "ana@" not in answer.text
        assert answer.headers["cache-control"] == "private, no-store"
    for path in ("/alerts/add", f"/alerts/{found.id}"):
        assert client.post(path, data={"do": "remove"}).status_code == 403
    sign_in(client)
    assert client.post(f"/alerts/{found.id}", data={"do": "remove", "csrf": "x"}).status_code == 403
    assert len(stored(app)) == 1


def test_a_sign_in_leads_to_no_other_site(alerted: tuple[Client, AppContext]) -> None:
    client, _ = alerted
    for then in ("//evil.example", "https://evil.example", "alerts/../x", "alerts/add?x=\r\ny", "x"):
        answer = client.post("/review/sign-in", data={"name": "Ana", "token": TOKEN, "then": then})
        assert answer.url.path == "/review"


def test_an_alert_is_paused_muted_changed_tested_and_removed(
    alerted: tuple[Client, AppContext], mailbox: Mailbox
) -> None:
    client, app = alerted
    path, token = f"/alerts/{add(app, Query(vendor=('clearview-ai',))).id}", sign_in(client)

    def press(do: str, **given: str) -> str:
        answer = client.post(path, data={"csrf": token, "do": do, **given})
        assert answer.status_code == 200, answer.text
        return words(answer.content)

    assert "State: paused." in press("pause")
    assert state_of(app) is SubscriptionState.PAUSED
    assert "State: active." in press("resume")
    assert "State: muted until" in press("mute", days="30")
    assert "State: active." in press("resume-from-now")
    assert "Sent weekly. State: next" in press("rhythm", rhythm="weekly")
    assert "The test was accepted by 127.0.0.1." in press("test")
    assert mailbox.mails[0]["Subject"].startswith("Test: ")
    mailbox.rcpt_answer = "550 no such user"
    assert "The test was not accepted: 127.0.0.1 refuses the address: 550 no such user" in press("test")
    for wrong in ({"do": "mute", "days": "8"}, {"do": "rhythm", "rhythm": "hourly"}, {"do": "x"}, {}):
        assert client.post(path, data={"csrf": token, **wrong}).status_code == 400
    assert "There are no alerts yet." in press("remove")
    assert client.get(path).status_code == 404
    assert client.get(f"/alerts/{10**30}").status_code == 404


def test_a_delivery_is_sent_again(alerted: tuple[Client, AppContext], mailbox: Mailbox) -> None:
    client, app = alerted
    found, token = add(app), sign_in(client)
    save(app.database, BABEL, match(BABEL, "babel-street"), now=app.database.now())
    send_due(app)
    [first] = mailbox.mails
    with app.database.reading() as session:
        [delivery] = list_deliveries(session)
    other = add(app)
    form = {"csrf": token, "do": "replay", "delivery": str(delivery.id)}
    assert client.post(f"/alerts/{other.id}", data=form).status_code == 404
    assert client.post(f"/alerts/{found.id}", data={**form, "delivery": "9" * 40}).status_code == 404
    mailbox.arrived.acquire()
    assert client.post(f"/alerts/{found.id}", data=form).status_code == 200
    mailbox.arrived.acquire()  # it is sent after the answer
    assert [mail["Message-ID"] for mail in mailbox.mails] == [first["Message-ID"]] * 2


def test_a_mail_is_shown_without_loading_anything(alerted: tuple[Client, AppContext]) -> None:
    client, app = alerted
    found = add(app)
    sign_in(client)
    save(app.database, BABEL, match(BABEL, "babel-street"), now=app.database.now())
    answer = client.get(f"/alerts/{found.id}/mail")
    assert "Babel Street" in answer.text
    assert answer.headers["content-security-policy"].startswith("default-src 'none'; style-src 'unsafe-inline'")
    assert "sandbox" in answer.headers["content-security-policy"]


def test_an_alert_about_nothing_is_refused(alerted: tuple[Client, AppContext]) -> None:
    client, _ = alerted
    sign_in(client)
    for params in ("band=review", "vendor=nobody", "rhythm=hourly", "q=%22"):
        assert client.get(f"/alerts/add?{params}").status_code == 400, params
    assert client.get("/alerts/add?award=NONE").status_code == 404


def test_secrets_of_addresses_are_not_shown(alerted: tuple[Client, AppContext]) -> None:
    client, app = alerted
    with app.database.writing() as session:
        now = server_time(session)
        for kind, address in (
            (ChannelKind.APPRISE, "slack://sesame-a/sesame-b/sesame-c/#news"),
            (ChannelKind.WEBHOOK, "https://user:sesame@hooks.example.org/sesame?token=sesame"),
        ):
            add_subscription(session, channel=kind, address=address, rhythm=Rhythm.DAILY, now=now)
    sign_in(client)
    shown = client.get("/alerts").text + "".join(client.get(f"/alerts/{each.id}").text for each in stored(app))
    assert "sesame" not in shown
    assert "slack://..." in shown
    assert "https://hooks.example.org/..." in shown
    assert stored(app)[1].secret in shown, "who may write needs it to check signatures"


def test_a_link_shows_its_alert_and_getting_it_changes_nothing(alerted: tuple[Client, AppContext]) -> None:
    client, app = alerted
    found = add(app, Query(vendor=("clearview-ai",)))
    path = f"/alerts/link/{link_token(found)}"
    for method in ("GET", "HEAD"):
        answer = client.request(method, path, params={"do": "unsubscribe", "List-Unsubscribe": "One-Click"})
        assert answer.status_code == 200
        assert answer.headers["cache-control"] == "private, no-store"
        assert answer.headers["referrer-policy"] == "no-referrer"
    assert "Records about Clearview AI, to ana@example.org." in words(client.get(path).content)
    assert stored(app) == [found]


def test_a_link_changes_its_alert_without_a_login(alerted: tuple[Client, AppContext]) -> None:
    client, app = alerted
    found = add(app)
    path = f"/alerts/link/{link_token(found)}"
    client.post(path, data={"do": "pause"})
    assert state_of(app) is SubscriptionState.PAUSED
    client.post(path, data={"do": "resume"})
    client.post(path, data={"do": "mute", "days": "7"})
    assert state_of(app) is SubscriptionState.MUTED
    page = client.post(path, data={"do": "rhythm", "rhythm": "monthly"})
    assert "Sent monthly." in words(page.content)
    assert client.post(path, data={"do": "test"}).status_code == 400, "nobody can have messages sent by it"
    assert client.post(f"{path}x", data={"do": "unsubscribe"}).status_code == 200
    assert len(stored(app)) == 1
    page = client.post(path, data={"do": "unsubscribe"})
    assert "You are unsubscribed." in words(page.content)
    assert stored(app) == []
    assert client.get(path).status_code == 404
    assert "not valid any more" in words(client.get(path).content)


@pytest.mark.parametrize("is_multipart", [True, False])
def test_one_click_unsubscribes_as_a_mail_program_does_it(
    is_multipart: bool, alerted: tuple[Client, AppContext], mailbox: Mailbox
) -> None:
    _, app = alerted
    add(app)
    save(app.database, BABEL, match(BABEL, "babel-street"), now=app.database.now())
    send_due(app)
    [mail] = mailbox.mails
    link = mail["List-Unsubscribe"].strip("<>")
    one_click = {"List-Unsubscribe": "One-Click"}
    with Client(follow_redirects=False, timeout=60) as program:
        for _ in range(2):
            if is_multipart:
                answer = program.post(link, files={name: (None, value) for name, value in one_click.items()})
            else:
                answer = program.post(link, data=one_click)
            assert answer.status_code == 200, "no redirect (RFC 8058, 3.1)"
    assert stored(app) == []
    assert urlsplit(link).path.startswith("/alerts/link/")
