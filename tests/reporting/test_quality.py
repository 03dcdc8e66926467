"""Promises of data quality: fair between provinces of any size, reasons for grades, silence by the lane's own days."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner

from console.main import app
from console.stack.infrastructure import Infrastructure
from console.stack.tokens import plain_token
from services.reporting.domain.intervals import Interval, quantile, ranks, wilson
from services.reporting.domain.quality import LIMITS, SILENT_DAYS_MAX, Measured, Scorecard, Seen, scorecards
from shared.contracts import enrollment, provinces
from shared.contracts.lanes import LANE_CODES
from tests.reporting.conftest import Running, running
from tests.reporting.facts import E, Publisher, enrolled, worker

TODAY = date(2026, 3, 2)


def seen(**lanes: Seen) -> dict[str, Seen]:
    """All lanes, those named `l32` as given."""
    return {lane: lanes.get(f"l{lane}", Seen()) for lane in LANE_CODES}


def card_of(of: dict[str, Seen], lane: str) -> Scorecard:
    return next(card for card in scorecards(of)[1] if card.lane == lane)


def part_of(card: Scorecard, code: str) -> Any:
    return next(part for part in card.parts if part.code == code)


def judged(accepted: int, **others: int) -> Seen:
    """A lane whose records were judged so."""
    return Seen(verdicts=Counter({"accepted": accepted, **others}))


# ---------------------------------------------------------------- intervals


def test_the_interval_is_that_of_the_textbook() -> None:
    # 10 of 100: Brown, Cai and DasGupta (2001), Interval estimation for a binomial proportion, the same formula.
    share, low, high = wilson(10, 100)
    assert (share, round(low, 4), round(high, 4)) == (0.1, 0.0552, 0.1744)


@given(st.integers(1, 10**7).flatmap(lambda of: st.tuples(st.integers(0, of), st.just(of))))
def test_an_interval_holds_its_share_and_stays_within_nothing_and_all(counted: tuple[int, int]) -> None:
    share, low, high = wilson(*counted)
    assert 0 <= low <= share <= high <= 1
    assert high - low > 0


@pytest.mark.parametrize("counted", [(0, 0), (3, 2), (-1, 5)])
def test_what_is_no_share_is_refused(counted: tuple[int, int]) -> None:
    with pytest.raises(ValueError, match="no share"):
        wilson(*counted)


def test_who_cannot_be_told_apart_shares_a_range_of_ranks() -> None:
    told = ranks({"a": wilson(0, 5), "b": wilson(100, 10_000), "c": wilson(900, 10_000)})
    assert told["a"] == (1, 3, 3)
    assert told["b"] == (1, 2, 3)
    assert told["c"] == (2, 3, 3)


def test_ranks_are_single_where_intervals_are_apart() -> None:
    apart = {str(n): Interval(n / 10, n / 10, n / 10 + 0.05) for n in range(9)}
    assert [rank[:2] for rank in ranks(apart).values()] == [(n, n) for n in range(1, 10)]


@given(st.lists(st.integers(0, 30), min_size=1, max_size=14), st.sampled_from((0.5, 0.95)))
def test_the_quantile_is_that_of_the_sorted_list(counts: list[int], share: float) -> None:
    every = [place for place, count in enumerate(counts) for _ in range(count)]
    wanted = next((x for n, x in enumerate(every, 1) if n >= share * len(every)), None)
    assert quantile(counts, share) == wanted


# ---------------------------------------------------------------- grades


def test_one_rejection_of_ten_condemns_nobody_and_the_same_rate_of_many_does() -> None:
    of = seen(l32=judged(9, rejected=1), l33=judged(9_000, rejected=1_000))
    small, large = part_of(card_of(of, "32"), "rejections"), part_of(card_of(of, "33"), "rejections")
    assert small.per_thousand == large.per_thousand == 100
    assert (small.grade, large.grade) == ("good", "poor")
    assert small.rank.best == 1
    assert small.rank.worst == 2


@pytest.mark.parametrize(("rejected", "grade"), [(0, "good"), (210, "good"), (300, "watch"), (600, "poor")])
def test_a_grade_falls_only_where_the_whole_interval_lies_above_the_limit(rejected: int, grade: str) -> None:
    part = part_of(card_of(seen(l32=judged(10_000 - rejected, rejected=rejected)), "32"), "rejections")
    assert part.grade == grade
    limits = LIMITS["rejections"]
    assert (part.low > limits.watch) == (grade != "good")
    assert (part.low > limits.poor) == (grade == "poor")


def test_each_grade_says_why_in_both_languages() -> None:
    of = seen(
        l32=Seen(
            Counter(accepted=900, duplicate=40, conflict=30, rejected=30, voided=300),
            Counter({"000": 500, "007": 300, "later": 200}),
            [Measured(date(2026, 2, 1), date(2026, 2, 28), 1_000, 900)],
            TODAY,
            TODAY + timedelta(days=SILENT_DAYS_MAX + 1),
        )
    )
    nation, lanes = scorecards(of)
    for card in (nation, *lanes):
        assert [part.code for part in card.parts] == [*LIMITS, "silence"]
        for part in card.parts:
            assert part.reason_zh.endswith("。")
            assert part.reason_en.endswith(".")
            assert part.reason_en.isascii() or "‰" in part.reason_en
    card = card_of(of, "32")
    assert card.grade == "poor"
    assert "2026-02 申报 1,000 件、采用 900 件" in part_of(card, "completeness").reason_zh
    assert (card.month, card.declared, card.received) == ("2026-02", 1_000, 900)
    assert "11 days ago: longer than 10" in part_of(card, "silence").reason_en


def test_what_was_received_beyond_one_declaration_does_not_hide_what_another_lacks() -> None:
    periods = [
        Measured(date(2026, 1, 1), date(2026, 1, 31), 100, 150),
        Measured(date(2026, 2, 1), date(2026, 2, 28), 100, 80),
    ]
    part = part_of(card_of(seen(l32=Seen(periods=periods)), "32"), "completeness")
    assert (part.count, part.of) == (20, 200)


def test_delays_are_exact_up_to_three_days_and_a_class_beyond() -> None:
    delays = Counter({"000": 40, "002": 40, "014": 18, "later": 2})
    card = card_of(seen(l32=Seen(delays=delays)), "32")
    assert card.p50 is not None
    assert (card.p50.at_least, card.p50.at_most) == (2, 2)
    assert card.p95 is not None
    assert (card.p95.at_least, card.p95.at_most) == (8, 14)
    late = part_of(card, "timeliness")
    assert (late.count, late.of) == (20, 100)
    last = card_of(seen(l32=Seen(delays=Counter(later=1))), "32").p50
    assert last is not None
    assert (last.at_least, last.at_most) == (366, None)


def test_a_lane_that_has_sent_nothing_is_not_judged_and_not_ranked() -> None:
    card = card_of(seen(l33=judged(10)), "32")
    assert card.grade == "unknown"
    assert {part.grade for part in card.parts} == {"unknown"}
    assert part_of(card_of(seen(l33=judged(10)), "33"), "rejections").rank.of == 1


def test_the_nations_own_lane_is_neither_ranked_nor_silent() -> None:
    quiet = judged(10, rejected=5)
    quiet.last, quiet.today = TODAY, TODAY + timedelta(days=100)
    card = card_of(seen(l00=quiet, l32=judged(10)), "00")
    assert part_of(card, "silence").grade == "unknown"
    assert part_of(card, "rejections").rank is None


# ---------------------------------------------------------------- as the service tells it


def _told() -> Publisher:
    """Jiangsu sends well and declares; Zhejiang sends much that is rejected, and falls silent."""
    publisher = Publisher()
    publish = publisher.publish
    for lane, accepted, rejected in (("32", 990, 10), ("33", 500, 500)):
        publish(E, lane, enrollment.DAY_BEGAN, {"day": "2026-03-02", "log_head": "0" * 64})
        for n in range(4):
            happened = publisher.clock - timedelta(days=(0, 0, 1, 30)[n])
            publish(
                E,
                lane,
                provinces.WORKER_ENROLLED,
                enrolled(lane, f"{lane}-{n}", ("migrant",)),
                subject=worker(n),
                time=happened.isoformat(),
            )
        publisher.clock += timedelta(days=1)
        tally = {"accepted": accepted, "duplicate": 0, "conflict": 0, "rejected": rejected, "parked": 0}
        publish(E, lane, enrollment.VERDICTS_TALLIED, {"day": "2026-03-02", **tally})
        publish(E, lane, enrollment.DAY_BEGAN, {"day": "2026-03-03", "log_head": "0" * 64})
    for received in (90, 100):
        measured = {
            "since": "2026-02-01",
            "until": "2026-02-28",
            "event_types": [provinces.WORKER_ENROLLED],
            "declared": 100,
            "received": received,
            "difference": received - 100,
            "silent_days": 0,
            "silent_on": [],
        }
        publish(E, "32", enrollment.COMPLETENESS_MEASURED, measured)
    publisher.clock += timedelta(days=20)
    publish(E, "33", enrollment.DAY_BEGAN, {"day": "2026-03-24", "log_head": "0" * 64})
    return publisher


TOLD = _told()


@pytest.fixture(scope="module")
async def graded(
    infrastructure: Infrastructure, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Running]:
    namespace = "tquality."
    async with running(infrastructure, namespace, tmp_path_factory.mktemp("quality")) as service:
        await service.feed(TOLD.published)
        await service.until(len(TOLD.published))
        yield service
    await infrastructure.drop_namespace(namespace)


async def test_scorecards_are_made_of_what_has_come(graded: Running) -> None:
    answer = await graded.get("/v1/quality")
    assert answer.status_code == 200
    told = answer.json()
    assert [card["lane"] for card in told["lanes"]] == list(LANE_CODES)
    cards = {card["lane"]: card for card in told["lanes"]}
    good, bad = cards["32"], cards["33"]
    parts = {code: {part["code"]: part for part in cards[code]["parts"]} for code in ("32", "33")}
    assert (good["month"], good["declared"], good["received"]) == ("2026-02", 100, 100)
    assert parts["32"]["completeness"]["count"] == 0
    assert (good["p50"], good["p95"]) == ({"at_least": 0, "at_most": 0}, {"at_least": 15, "at_most": 30})
    assert (parts["33"]["rejections"]["count"], parts["33"]["rejections"]["of"]) == (500, 1_000)
    assert parts["33"]["rejections"]["grade"] == "poor"
    assert parts["33"]["rejections"]["rank"] == {"best": 2, "worst": 2, "of": 2}
    assert (bad["last"], bad["silent_days"]) == ("2026-03-03", 21)
    assert parts["33"]["silence"]["grade"] == "poor"
    assert good["silent_days"] == 2
    assert told["nation"]["silent_days"] == 21
    again = await graded.client.get("/v1/quality", headers={"If-None-Match": answer.headers["etag"]})
    assert again.status_code == 304


async def test_scorecards_can_be_asked_as_they_were_known(graded: Running) -> None:
    before = (await graded.get("/v1/quality", known_on="2026-03-02")).json()
    cards = {card["lane"]: card for card in before["lanes"]}
    assert cards["32"]["declared"] is None
    assert cards["32"]["silent_days"] == 0
    assert cards["33"]["grade"] == "unknown"
    months = (await graded.get("/v1/quality", as_of="2026-03", months=1)).json()
    assert (months["since"], months["until"]) == ("2026-03-01", "2026-03-24")
    assert {card["lane"]: card["month"] for card in months["lanes"]}["32"] is None
    earlier = (await graded.get("/v1/quality", as_of="2026-02", months=2)).json()
    assert (earlier["since"], earlier["until"]) == ("2026-01-01", "2026-02-28")
    assert {card["lane"]: card["declared"] for card in earlier["lanes"]}["32"] == 100
    for wrong in ("as_of=2026-13", "months=0", "as_of=202603", "lane=32"):
        assert (await graded.client.get(f"/v1/quality?{wrong}")).status_code == 422, wrong


async def test_the_command_shows_each_province_and_says_why(
    graded: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DREAMS_API_REPORTING", graded.url)
    monkeypatch.setenv("DREAMS_API_TOKEN_FILE", str(_token(graded)))
    monkeypatch.setenv("COLUMNS", "200")
    shown = await asyncio.to_thread(CliRunner().invoke, app, ["quality"])
    assert shown.exit_code == 0, shown.output
    assert "Jiangsu" in shown.output
    assert "Beijing" not in shown.output
    why = await asyncio.to_thread(CliRunner().invoke, app, ["quality", "-p", "33"])
    assert "certainly above 50" in why.output
    assert "21 days ago" in why.output


def _token(service: Running) -> Path:
    path = service.secrets / "console-token"
    path.write_text(plain_token(service.secrets, "auditor"))
    return path
