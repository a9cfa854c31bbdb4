"""Which pending matches stand in one group."""

from __future__ import annotations

from datetime import UTC, datetime

from storage.models import StoredMatch, StoredRecord, StoredSignal
from storage.reading.review_queue import PendingReview
from storage.search.review_subjects import group_reviews

NOW = datetime(2026, 1, 1, tzinfo=UTC)


def pending(
    key: str, *, vendor: str = "axon", parent: str = "", psc: str = "", words: str = "", name: str = "A, INC."
) -> PendingReview:
    """Return a pending match; `words` are those that matched in the description."""
    signal = StoredSignal(kind="product", field="description", text=words, term=words, start=0, end=1, score=0.7)
    match = StoredMatch(
        vendor_id=vendor,
        vendor_name=vendor,
        category="body-cameras",
        band="review",
        score=0.7,
        reason="",
        signals=(signal,) if words else (),
        first_seen=NOW,
    )
    record = StoredRecord(
        key=key, source="usaspending", category="contract", recipient_name=name, parent_key=parent, psc=psc,
        first_seen=NOW, last_changed=NOW, matches=(match,),
    )  # fmt: skip
    return PendingReview(record=record, match=match, priority=0, clues=())


def grouped(*queue: PendingReview) -> list[tuple[str, str]]:
    return [("".join(one.record.key for one in group.members), group.subject) for group in group_reviews(queue)]


def test_orders_under_one_award_are_a_group_of_each_vendor() -> None:
    queue = [pending("A", parent="P"), pending("B", parent="P", vendor="dji"), pending("C", parent="P"), pending("P")]
    assert grouped(*queue) == [("ACP", "order:P"), ("B", "")]


def test_a_recipients_words_and_codes_are_groups() -> None:
    queue = [
        pending("A", words="SUAS", psc="1550"),
        pending("B", words="suas"),
        pending("C", psc="1550", name="B, INC."),
        pending("D", words="SUAS"),
        pending("E", psc="1550", name="B INC"),
        pending("F"),
        pending("G"),
    ]
    assert grouped(*queue) == [
        ("ABD", "phrase:suas@name:AINC"),
        ("CE", "psc:1550@name:BINC"),
        ("F", ""),
        ("G", ""),
    ]


def test_words_of_any_recipient_are_the_widest_group() -> None:
    queue = [pending("A", words="UGS"), pending("B", words="UGS", name="B, INC."), pending("C", words="RVSS")]
    assert grouped(*queue) == [("AB", "phrase:ugs@"), ("C", "")]


def test_the_larger_group_counts_and_of_two_alike_the_narrower() -> None:
    shared = {"parent": "P", "psc": "1550"}
    assert grouped(pending("A", **shared), pending("B", **shared)) == [("AB", "order:P")]
    larger = [pending("A", **shared), pending("B", **shared), pending("C", psc="1550")]
    assert grouped(*larger) == [("ABC", "psc:1550@name:AINC")]
