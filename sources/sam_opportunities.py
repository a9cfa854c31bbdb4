"""SAM.gov contract opportunities: what is about to be bought, and from whom without competition.

Upstream: https://api.sam.gov/opportunities/v2/search, Get Opportunities Public API (GSA/open-gsa-redesign,
_apidocs/get-opportunities-public-api.md). Access: a personal key of a SAM.gov account, in the header X-Api-Key; keys
expire, by users' account after 90 days. Limits: ten requests a day for a key without a role (1,000 with one), counted
until 00:00 UTC over all SAM.gov APIs as far as is known; refused requests count, too. A page holds 1,000 notices, a
search covers a year at most. Some 300 notices are posted a day, twice that towards a week's end. Lag: active notices
are updated daily, archived ones weekly. Corrections: only the latest active version of a notice is given; that one was
changed or withdrawn shows in the window of its posting, later only when it is asked for by its id. Caveats: there is
no search in texts, and each text costs a request, so that a notice is found by its title, its awardee and its award
alone; whether an amendment keeps the id of a notice is not documented; what `offset` counts is not established
(`sources.sam_notice_pages`); 404 is the answer to nothing found and, some say, to an unknown key.

A poll reads two days of all notices whole and looks through them here. Of those that concern somebody it asks for the
text, and it looks again at those that may still be answered, both as far as the day's requests go.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from urllib.parse import quote

from sources.contract import Fetched, Interest, Quota, RowBounds, Shortfall, Source, Step, Stored, Unchanged, Window
from sources.errors import QuotaUsedUp, SourceChanged, SourceError
from sources.http import Client, Pace
from sources.records import Document, Payload, Publication, Record
from sources.sam_notice import GONE, KEY_PREFIX, TEXT_ASKED, parse, revision
from sources.sam_notice_pages import SEARCH, Row, ask, is_spare, notices, posted_between
from sources.sam_notice_parts import plain_text
from sources.sam_notice_watch import IN_VIEW, Watch

TEXT = "/prod/opportunities/v1/noticedesc?noticeid="
KEPT = 3  # requests a day that SAM.gov's contract awards, with the same key, need: one extract and two downloads
MOST_FOLLOWED = 3  # notices asked for by their ids in one poll
SLICE = 14  # days in a step of a backfill: five or six pages, which is what a day allows
LONGEST_RANGE = 364  # days after postedFrom that postedTo may be
READ = "read"  # the note of the last day that polls have read


class SamOpportunities(Source):
    """The source `samnotices`."""

    name = "samnotices"
    title = "SAM.gov contract opportunities"
    base_url = "https://api.sam.gov"
    needs_key: str | None = "X-Api-Key"
    pace = Pace(seconds_between=1.0)
    expects = RowBounds(at_least=1, at_most=200_000)
    quota: Quota | None = Quota(name="sam", a_day=10)
    rests = timedelta(hours=20)
    keeps_all = False
    delay = "Notices are found by title and awardee; their texts are read only then, a few a day."

    def control(self, client: Client) -> bool:
        """Whether anything at all was posted in the last thirty days."""
        today = datetime.now(UTC).date()
        return ask(client, {**posted_between(today - timedelta(days=30), today), "limit": 1, "offset": 0}).total > 0

    def poll_steps(self, interest: Interest, window: Window) -> list[Step]:
        """Plan a poll: the newest two days, before them what was missed while the program was away; then the watch.

        Which days were missed the source knows itself: `fetch` passes over those that were read.
        """
        steps: list[Step] = []
        end = window.until
        while _is_wanted(interest) and end >= window.modified_since:
            start = end - timedelta(days=IN_VIEW - 1)
            steps.append(_step(start, end, window.until, kind="missed" if steps else "newest"))
            end = start - timedelta(days=1)
        steps.reverse()
        today = window.until.isoformat()
        watched = Step(key="watched", query={"kind": "watched", "today": today}, part="watched notices")
        return [*steps, watched] if steps else []

    def backfill_steps(self, interest: Interest, since: date, until: date) -> list[Step]:
        """Plan the whole history in slices of two weeks. Of the past SAM.gov gives what is still active."""
        steps: list[Step] = []
        start = since
        while _is_wanted(interest) and start <= until:
            end = min(start + timedelta(days=SLICE - 1), until)
            steps.append(_step(start, end, until, kind="history"))
            start = end + timedelta(days=1)
        return steps

    def fetch(self, client: Client, step: Step, stored: Stored) -> Iterator[Fetched]:
        """Walk one window, or ask for watched notices; those that concern somebody come last, with their texts."""
        visit = _Visit(client, stored, date.fromisoformat(str(step.query["today"])))
        if step.query["kind"] == "watched":
            yield from visit.followed()
        else:
            yield from visit.window(step)
        yield from visit.texts()
        visit.watch.keep()
        if visit.failure and not isinstance(visit.failure, QuotaUsedUp):
            raise visit.failure

    def parse(self, payload: Payload) -> list[Record]:
        """Read a payload into a publication, a removal, or the problem that prevents it. Pure."""
        return [parse(payload)]


def _is_wanted(interest: Interest) -> bool:
    return bool(interest.names or interest.ueis or interest.phrases or interest.held)


def _step(start: date, end: date, today: date, *, kind: str) -> Step:
    query = {"kind": kind, "today": today.isoformat()}
    return Step(key=f"posted/{start}_{end}", query=query, since=start, until=end, part="posted notices")


def _payload(client: Client, row: Row, text: Document | None = None) -> Payload:
    return Payload(
        source=client.source,
        key=KEY_PREFIX + row.notice_id,
        revision=revision(row.fields, text_asked=text is not None),
        documents=(row.document,) if text is None else (row.document, text),
    )


@dataclass(slots=True)
class _Visit:
    """One walk of a step. `waiting` holds rows whose text is wanted, and what to give when it cannot be had."""

    client: Client
    stored: Stored
    today: date
    watch: Watch = field(init=False)
    waiting: list[tuple[Row, Fetched]] = field(default_factory=list)
    failure: SourceError | None = None

    def __post_init__(self) -> None:
        self.watch = Watch(self.stored, self.today)

    def window(self, step: Step) -> Iterator[Fetched]:
        """Read the notices posted in a window, unless a poll has read it after its last day."""
        kind, (start, end) = str(step.query["kind"]), (day.isoformat() for day in step.days)
        read = self.stored.note(READ)
        if kind == "missed" and (not read or end < read):
            return
        if kind == "newest" and not read:
            self.stored.keep_note(READ, read := start)  # the first look; what is before it is for a backfill
        window = posted_between(date.fromisoformat(start), date.fromisoformat(end))
        is_whole = True
        for row in notices(self.client, step.key, window, self.stored, leave=0 if kind == "newest" else KEPT):
            if isinstance(row, Shortfall):
                is_whole = False
                yield row
            else:
                yield from self._seen(row)
        # Past days that came short nothing counts as read, so that the next poll begins with them.
        is_next = date.fromisoformat(start) - timedelta(days=1) <= date.fromisoformat(read or start)
        if is_whole and kind != "history" and is_next:
            self.stored.keep_note(READ, max(end, read))

    def followed(self) -> Iterator[Fetched]:
        """Ask for watched notices by their ids, as many as today's requests allow."""
        for notice_id, posted in list(self.watch.due())[:MOST_FOLLOWED]:
            if self.stored.held(KEY_PREFIX + notice_id) is None:
                self.watch.forget(notice_id)
                continue
            if not is_spare(self.client, KEPT):
                return
            until = min(self.today, posted + timedelta(days=LONGEST_RANGE))
            query = {**posted_between(posted, until), "noticeid": notice_id, "limit": 1, "offset": 0}
            page = ask(self.client, query, is_one=True)
            if any(row.notice_id != notice_id for row in page.rows):
                raise SourceChanged(self.client.source, f"GET {SEARCH}", f"asked for {notice_id}, got another notice")
            if page.document and not page.rows:
                self.watch.forget(notice_id)
                key = KEY_PREFIX + notice_id
                yield Payload(source=self.client.source, key=key, revision=GONE, documents=(page.document,))
            for row in page.rows:
                yield from self._seen(row)

    def _seen(self, row: Row) -> Iterator[Fetched]:
        """Give a notice, or nothing yet if its text is to be asked for."""
        bare = _payload(self.client, row)
        notice = parse(bare)
        known = self.stored.held(bare.key)
        if not isinstance(notice, Publication) or (known is None and not self.stored.concerns(notice)):
            yield bare
            return
        is_same = known is not None and known.revision.removesuffix(TEXT_ASKED) == bare.revision
        has_text = is_same and known is not None and known.revision.endswith(TEXT_ASKED)
        wants_text = not (has_text or notice.state or row.fields.get("description") in (None, "", "null"))
        without: Fetched = Unchanged(key=bare.key) if is_same else bare
        if notice.state:
            self.watch.forget(row.notice_id)
        else:
            self.watch.see(row.notice_id, notice, wants_text=wants_text)
        if wants_text:
            self.waiting.append((row, without))
        else:
            yield without

    def texts(self) -> Iterator[Fetched]:
        """Give the waiting notices, with their texts as far as those can be had today; the rest is noted."""
        for row, without in self.waiting:
            yield self._with_text(row) or without

    def _with_text(self, row: Row) -> Payload | None:
        """Ask for a notice's text; `None` when it must wait for another day. After a failure no more is asked for."""
        if self.failure or not is_spare(self.client, KEPT):
            return None
        try:
            text = self.client.get(TEXT + quote(row.notice_id, safe=""))
            plain_text(text)
            whole = _payload(self.client, row, text)
        except SourceError as error:
            if error.status != 404:  # the key has just been taken for good: there is no text
                self.failure = error
                return None
            whole = replace(_payload(self.client, row), revision=revision(row.fields, text_asked=True))
        self.watch.has_text(row.notice_id)
        return whole
