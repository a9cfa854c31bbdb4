"""What is refused, and what every answer carries."""

from __future__ import annotations

import re
import time
from contextlib import closing
from functools import partial
from pathlib import Path
from types import SimpleNamespace

import pytest
from httpx import Client
from starlette.types import Message, Scope
from structlog.testing import capture_logs

from procurewatch.context import AppContext
from procurewatch.web.api import routes
from procurewatch.web.context import WebContext
from procurewatch.web.routes.feeds import FeedService
from procurewatch.web.security import guard, login
from procurewatch.web.security.addresses import Proxies
from procurewatch.web.security.guard import MAX_BODY_BYTES, RequestGuard
from storage.database import open_database
from storage.reading.review_queue import review_queue
from storage.writing.reviews import list_decisions
from tests.coroutines import run_coroutine
from tests.procurewatch.site import context_for, serve
from tests.procurewatch.web.fixtures import CLEARVIEW, csrf, sign_in
from tests.records import BABEL

PATHS = ("/", "/search", CLEARVIEW, "/vendor/cellebrite.html", "/review", "/nothing", "/style.css", "/all.atom")


def waiting(app_context: AppContext) -> dict[str, str]:
    """Return a form that decides the first match that waits."""
    with app_context.database.reading() as session:
        first = review_queue(session, limit=1)[0]
    return {"record": first.record.key, "vendor": first.match.vendor_id, "decision": "confirmed"}


def verdicts(app_context: AppContext) -> int:
    with app_context.database.reading() as session:
        return len(list(list_decisions(session)))


@pytest.mark.parametrize("path", PATHS)
def test_every_response_has_a_content_security_policy(client: Client, path: str) -> None:
    headers = client.get(path).headers
    policy = headers["content-security-policy"]
    assert policy.startswith("default-src 'none'")
    assert "unsafe" not in policy
    assert "frame-ancestors 'none'" in policy
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["referrer-policy"] == "no-referrer"


def test_only_search_and_review_run_our_scripts(client: Client) -> None:
    sign_in(client)
    for path in {"/review", *PATHS}:
        answer = client.get(path)
        runs = [part for part in answer.headers["content-security-policy"].split("; ") if part.startswith("script-src")]
        assert runs == (["script-src 'self'"] if path in ("/review", "/search") else [])
        scripts = re.findall(rb"<script[^>]*>", answer.content)
        assert all(re.search(rb' src="assets/[a-z-]+(\.min)?\.js"', script) for script in scripts)
        assert bool(scripts) == bool(runs)


@pytest.mark.parametrize(
    ("host", "status"),
    [("evil.example", 400), ("", 400), ("localhost:99", 200), ("127.0.0.1", 200), ("[::1]:80", 200), ("10.0.0.7", 200)],
)
def test_an_unknown_host_is_refused(client: Client, host: str, status: int) -> None:
    answer = client.get("/style.css", headers={"Host": host})
    assert answer.status_code == status
    assert status == 200 or answer.text.count("\n") == 1


EXPORTS = ("csv", "ocds.json", "parquet", "sqlite3", "zip")


@pytest.mark.parametrize(
    ("path", "status", "said"),
    [
        ("/search?q=" + "a" * 1001, 400, ""),
        ("/search?" + "&".join(f"q={number}" for number in range(61)), 400, ""),
        ("/search?q=" + "a" * 9000, 414, ""),
        ("/" + "a" * 9000, 414, ""),
        ("/search.atom?band=review", 403, "published matches only"),
        ("/search.json?decision=rejected", 403, "published matches only"),
        ("/search.rss?vendr=x", 400, "did you mean 'vendor'"),
        ("/search.csv?row=actions", 400, "unknown parameter 'row'; did you mean 'rows'?"),
        ("/search.atom?archve=2024-01.1", 400, "did you mean 'archive'?"),
        ("/compare.csv?colums=agency", 400, "unknown parameter 'colums'; did you mean 'columns'?"),
        ("/vendor/babel-street.html?agncy=7012", 400, "unknown parameter 'agncy'; did you mean 'agency'?"),
        ("/vendor/babel-street.html?seen_sinc=2026-01-01", 400, "did you mean 'seen_since'?"),
        ("/search.atom?since=soon", 400, "is not a date"),
        ("/search.atom?archive=2026-13.1", 404, "no such archive page"),
        ("/search.atom?archive=1999-01.1", 404, "no such archive page"),
        ("/vendor/nobody.json", 404, "no such feed"),
        ("/agency/..%2f..%2fetc.atom", 404, "Page not found."),
        *((f"/search.{suffix}?q=nobodyeverwrotethis", 404, "No records match this search.") for suffix in EXPORTS),
        *((f"/search.{suffix}?since=yesterday", 400, "is not a date") for suffix in EXPORTS),
        *((f"/search.{suffix}?band=review", 400, "") for suffix in EXPORTS),
        ("/packs/nobody.zip", 404, ""),
        ("/foia/nobody.txt", 404, ""),
        ("/foia/nobody", 404, ""),
        (f"/foia/{BABEL.key}.exe", 404, ""),
    ],
)
def test_a_refusal_is_one_line(client: Client, path: str, status: int, said: str) -> None:
    answer = client.get(path)
    assert (answer.status_code, answer.text.count("\n")) == (status, 1)
    assert said in answer.text


def test_too_large_a_body_is_not_read(client: Client) -> None:
    assert client.post("/review/decide", content=b"a" * (MAX_BODY_BYTES + 1)).status_code == 413
    assert client.post("/review/decide", content=iter([b"a=b"])).status_code == 411


PROXY = ["127.0.0.1"]


def test_importing_all_feeds_does_not_meet_the_rate_limit(polled: Path, tmp_path: Path) -> None:
    with closing(open_database(f"sqlite:///{polled}")) as database:
        app_context = context_for(database, tmp_path, requests_per_minute=2)
        with serve(app_context) as address, Client(base_url=address) as client:
            files = [
                client.get(path).status_code for path in ("/all.atom", "/favicon.ico", "/feeds.opml") for _ in range(4)
            ]
            pages = [client.get(path).status_code for path in ("/", "/search.atom", "/api/v1/vendors", "/search")]
    assert files == [200] * 12
    assert pages == [200, 200, 429, 429]


def test_requests_are_counted_by_client(polled: Path, tmp_path: Path) -> None:
    with closing(open_database(f"sqlite:///{polled}")) as database:
        app_context = context_for(database, tmp_path, requests_per_minute=5, trusted_proxies=PROXY)
        with serve(app_context) as address, Client(base_url=address) as client:
            by = [client.get("/index.html", headers={"X-Forwarded-For": "9.9.9.9, 203.0.113.1"}) for _ in range(12)]
            assert [answer.status_code for answer in by[:5]] == [200] * 5
            assert by[-1].status_code == 429
            assert by[-1].headers["retry-after"]
            assert by[-1].headers["content-security-policy"]
            other = client.get("/index.html", headers={"X-Forwarded-For": "203.0.113.2"})
            assert other.status_code == 200


def statuses(
    polled: Path, folder: Path, told: list[list[tuple[str, str]]], *, a_minute: int, proxies: list[str] = PROXY
) -> list[int]:
    """Return how requests with these headers are answered where each client may ask so many in a minute."""
    with (
        closing(open_database(f"sqlite:///{polled}")) as database,
        serve(context_for(database, folder, requests_per_minute=a_minute, trusted_proxies=proxies)) as address,
        Client(base_url=address) as client,
    ):
        return [client.get("/index.html", headers=headers).status_code for headers in told]


@pytest.mark.parametrize("lines", [["9.9.9.{}, 203.0.113.1"], ["9.9.9.{}", "203.0.113.1"]])
def test_a_client_cannot_set_its_own_forwarded_address(polled: Path, tmp_path: Path, lines: list[str]) -> None:
    told = [[("X-Forwarded-For", line.format(number)) for line in lines] for number in range(6)]
    assert statuses(polled, tmp_path, told, a_minute=5) == [200] * 5 + [429]


@pytest.mark.parametrize("proxies", [[], ["192.0.2.1"], ["10.0.0.0/8"]])
def test_an_unknown_proxy_is_not_believed(polled: Path, tmp_path: Path, proxies: list[str]) -> None:
    told = [[("X-Forwarded-For", f"9.9.9.{number}")] for number in range(6)]
    with capture_logs() as logs:
        assert statuses(polled, tmp_path, told, a_minute=5, proxies=proxies) == [200] * 5 + [429]
    warnings = [entry["event"] for entry in logs if entry["log_level"] == "warning"]
    assert ["trusted_proxies" in event for event in warnings] == [True]  # once


def test_a_chain_of_proxies_leads_to_the_client(polled: Path, tmp_path: Path) -> None:
    told = [[("X-Forwarded-For", f"9.9.9.9, 203.0.113.{number}, 10.1.2.3")] for number in (1, 2, 1)]
    assert statuses(polled, tmp_path, told, a_minute=1, proxies=["127.0.0.0/8", "10.0.0.0/8"]) == [200, 200, 429]


def test_wrong_tokens_are_counted_by_client_whatever_it_forwards(client: Client) -> None:
    answers = [
        client.post("/review/sign-in", data={"token": "guess", "name": "x"}, headers={"X-Forwarded-For": f"9.9.9.{n}"})
        for n in range(14)
    ]
    assert [answers[0].status_code, answers[-1].status_code] == [403, 429]


def test_ipv4_clients_are_distinguished_in_any_notation(polled: Path, tmp_path: Path) -> None:
    told = [[("X-Forwarded-For", each)] for each in ("::ffff:203.0.113.1", "::ffff:203.0.113.2", "203.0.113.1")]
    assert statuses(polled, tmp_path, told, a_minute=1) == [200, 200, 429]


def test_two_hosts_are_refused() -> None:
    guarded = RequestGuard(not_called, host="x.example", requests_per_minute=9, proxies=Proxies())
    headers = [(b"host", b"x.example"), (b"host", b"evil.example")]
    sent: list[Message] = []
    run_coroutine(guarded(scope_of(headers), receive_nothing, partial(collect, sent)))
    assert (sent[0]["status"], b"more than one Host" in sent[1]["body"]) == (400, True)


def scope_of(headers: list[tuple[bytes, bytes]]) -> Scope:
    return {"type": "http", "method": "GET", "path": "/", "query_string": b"", "headers": headers}


async def not_called(*_given: object) -> None:
    raise AssertionError


async def receive_nothing() -> Message:
    return {"type": "http.disconnect"}


async def collect(sent: list[Message], message: Message) -> None:
    sent.append(message)


def test_a_huge_host_name_is_rejected(client: Client) -> None:
    assert client.get("/style.css", headers={"Host": "b" * 10_000}).status_code == 400


@pytest.mark.parametrize("path", ["/search", "/all.atom", "/"])
def test_an_internal_error_is_one_line_with_all_headers(
    client: Client, path: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_given: object, **_named: object) -> None:
        raise RuntimeError("secret")

    monkeypatch.setattr(WebContext, "cached_page", fail)
    monkeypatch.setattr(FeedService, "response", fail)
    answer = client.get(path)
    assert (answer.status_code, answer.text.count("\n"), "secret" in answer.text) == (500, 1, False)
    assert answer.headers["content-security-policy"]
    page = client.get(path, headers={"Accept": "text/html"})
    assert (page.status_code, "<h1>Server error</h1>" in page.text, "secret" in page.text) == (500, True, False)
    assert page.headers["content-security-policy"]


def test_an_internal_error_of_the_api_is_problem_json(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(routes, "_records", None)
    answer = client.get("/api/v1/records")
    assert (answer.status_code, answer.headers["content-type"]) == (500, "application/problem+json")
    assert answer.json()["detail"] == guard.SERVER_ERROR


@pytest.mark.parametrize("date", ["Mon, 01 Jan 99999999999 00:00:00 GMT", "x", "Mon, 01 Jan 2020 00:00:00 +9999999999"])
def test_an_invalid_date_header_is_ignored(client: Client, date: str) -> None:
    for path in ("/all.atom", "/style.css"):
        assert client.get(path, headers={"If-Modified-Since": date}).status_code == 200


def test_a_decision_needs_a_token_and_a_csrf_token(client: Client, app_context: AppContext, address: str) -> None:
    form = waiting(app_context)
    answer = client.post("/review/decide", data=form)
    assert (answer.status_code, answer.text) == (403, "Sign in at /review first.\n")
    word = sign_in(client)
    for wrong in ("", "x", word[:-2], word + "x"):
        answer = client.post("/review/decide", data={**form, "csrf": wrong})
        assert answer.status_code == 403
        assert answer.text.startswith("The form has expired")
    with Client(base_url=address, follow_redirects=True) as other:
        others = sign_in(other, "Ben")
    assert client.post("/review/decide", data={**form, "csrf": others}).status_code == 403
    assert client.post("/review/undo", data={"vendor": "x", "subject": "y"}).status_code == 403
    assert verdicts(app_context) == 0
    assert client.post("/review/decide", data={**form, "csrf": word}).status_code == 200
    assert verdicts(app_context) == 1


def test_a_decision_about_a_group_must_be_about_the_match(client: Client, app_context: AppContext) -> None:
    form = {**waiting(app_context), "csrf": sign_in(client), "group": "never"}
    for subject in ("", "record:x", "psc:7A21@name:SOMEBODYELSE", "phrase:no such words@name:SOMEBODYELSE"):
        answer = client.post("/review/decide", data={**form, "subject": subject})
        assert (answer.status_code, answer.text) == (400, "The decision is not about this match.\n")
    assert verdicts(app_context) == 0
    about = f"order:{form['record']}"
    assert client.post("/review/decide", data={**form, "subject": about}).status_code == 200
    with app_context.database.reading() as session:
        assert [one.subject for one in list_decisions(session)] == [about]


def test_wrong_tokens_are_refused_and_limited(client: Client) -> None:
    answers = [client.post("/review/sign-in", data={"token": f"guess {n}", "name": "x"}) for n in range(14)]
    assert (answers[0].status_code, answers[0].text) == (403, "Wrong token. Try again.\n")
    assert answers[-1].status_code == 429
    assert not client.cookies


def test_the_cookie_is_for_this_site_only(client: Client) -> None:
    answer = client.post(
        "/review/sign-in", data={"token": "a-token-for-the-newsroom", "name": "<b>Ana"}, follow_redirects=False
    )
    cookie = answer.headers["set-cookie"].lower()
    assert "httponly" in cookie
    assert "samesite=strict" in cookie
    assert answer.headers["location"] == "../review"
    assert "&lt;b&gt;Ana" in client.get("/review").text


def test_forms_do_not_redirect_to_other_sites(client: Client, app_context: AppContext) -> None:
    form = {
        **waiting(app_context),
        "csrf": sign_in(client),
        "at": "//evil.example",
        "only": "//evil.example",
        "back": "//evil",
    }
    answer = client.post("/review/decide", data=form, follow_redirects=False)
    assert answer.headers["location"] == "../review?vendor=%2F%2Fevil.example#item-1"
    for path in ("//evil.example", "/https://evil.example", "/awards//evil.example", "/search/"):
        assert "location" not in client.get(path, follow_redirects=False).headers


def test_signing_out_ends_the_session(client: Client, app_context: AppContext, address: str) -> None:
    word = sign_in(client)
    copied = dict(client.cookies)
    with Client(base_url=address, follow_redirects=True) as other:
        sign_in(other, "Ben")
        assert "Sign in" in client.post("/review/sign-out", data={"csrf": word}).text
        assert "Signed in as Ben" in other.get("/review").text  # another session goes on
    with Client(base_url=address, cookies=copied) as thief:
        assert "Signed in" not in thief.get("/review").text
        assert thief.post("/review/decide", data={**waiting(app_context), "csrf": word}).status_code == 403
    assert verdicts(app_context) == 0


def test_a_session_ends_after_its_hours(app_context: AppContext, monkeypatch: pytest.MonkeyPatch) -> None:
    with serve(app_context) as address, Client(base_url=address, follow_redirects=True) as client:
        sign_in(client)
        now = time.monotonic()
        monkeypatch.setattr(login, "time", SimpleNamespace(monotonic=lambda: now + login.SECONDS - 60))
        assert "Signed in as Ana" in client.get("/review").text
        monkeypatch.setattr(login, "time", SimpleNamespace(monotonic=lambda: now + login.SECONDS + 60))
        assert "Signed in" not in client.get("/review").text


def test_only_a_trusted_proxy_names_the_reviewer(app_context: AppContext, tmp_path: Path) -> None:
    form, header = waiting(app_context), {"X-User": "ada@example.org"}
    trusting = context_for(
        app_context.database, tmp_path, web_token=None, web_user_header="X-User", trusted_proxies=["127.0.0.0/8"]
    )
    with serve(trusting) as address, Client(base_url=address, follow_redirects=True) as client:
        assert client.get("/review").status_code == 403
        word = csrf(client.get("/review", headers=header).text)
        assert client.post("/review/decide", data=form, headers=header).status_code == 403
        assert client.post("/review/decide", data={**form, "csrf": word}, headers={"X-User": "eve"}).status_code == 403
        assert client.post("/review/decide", data={**form, "csrf": word}, headers=header).status_code == 200
    with app_context.database.reading() as session:
        assert [verdict.decided_by for verdict in list_decisions(session)] == ["ada@example.org"]
    wary = context_for(app_context.database, tmp_path, web_user_header="X-User", trusted_proxies=["192.0.2.1"])
    with serve(wary) as address, Client(base_url=address) as client:
        assert "Sign in" in client.get("/review", headers=header).text


def test_without_a_token_nobody_can_sign_in(app_context: AppContext, tmp_path: Path) -> None:
    with (
        serve(context_for(app_context.database, tmp_path, web_token=None)) as address,
        Client(base_url=address) as client,
    ):
        assert client.get("/review").status_code == 403
        answer = client.post("/review/sign-in", data={"token": "", "name": "x"})
        assert (answer.status_code, answer.text.count("\n")) == (403, 1)


@pytest.mark.parametrize(
    ("wrong", "status"), [({"decision": "maybe"}, 400), ({"record": "x"}, 404), ({"vendor": "\x00"}, 404)]
)
def test_an_invalid_decision_is_one_line(
    client: Client, app_context: AppContext, wrong: dict[str, str], status: int
) -> None:
    answer = client.post("/review/decide", data={**waiting(app_context), "csrf": sign_in(client), **wrong})
    assert (answer.status_code, answer.text.count("\n")) == (status, 1)
