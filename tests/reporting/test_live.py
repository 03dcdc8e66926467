"""Promises of what the live page is told: nobody misses anything, the slow hurt nobody, the past can be asked for."""

import asyncio
import json
import socket
from collections.abc import AsyncGenerator
from contextlib import aclosing
from datetime import date, timedelta
from typing import Any, Final

import pytest

from services.reporting.api.feed import ALIVE, Feed
from services.reporting.domain.measures import MEASURES
from services.reporting.domain.prospects import Moment, Sums, asked_for, prospects
from services.reporting.domain.targets import selection
from shared.contracts import subsidy
from tests.reporting.conftest import DEADLINE_S, HISTORY, Running
from tests.reporting.facts import Programme, Publisher, S, award, worker
from tests.reporting.test_targets import BOOK, BY_CODE

PAGES: Final = 200


async def told_to(service: Running, last_id: str | None = None) -> AsyncGenerator[tuple[str, str, Any]]:
    """(id, event, data) of a page that opens, or comes again after `last_id`."""
    headers = {"Last-Event-ID": last_id} if last_id else {}
    async with service.client.stream("GET", "/live", headers=headers) as answer:
        number = name = ""
        async for line in answer.aiter_lines():
            key, _, value = line.partition(": ")
            number, name = (value, name) if key == "id" else (number, value if key == "event" else name)
            if key == "data":
                yield number, name, json.loads(value)


async def first(service: Running, last_id: str | None, *names: str) -> tuple[str, Any]:
    """Id and data of the first event that is one of `names`."""
    async with asyncio.timeout(DEADLINE_S), aclosing(told_to(service, last_id)) as events:
        async for number, name, data in events:
            if name in names:
                return number, data
    raise AssertionError("the stream ended")


async def test_who_comes_again_is_told_only_what_is_newer(reporting: Running) -> None:
    async with asyncio.timeout(DEADLINE_S), aclosing(told_to(reporting)) as events:
        opened = [await anext(events) for _ in range(2)]
    assert [name for _, name, _ in opened] == ["nation", "targets"]
    seen = opened[-1][0]
    async with asyncio.timeout(DEADLINE_S), aclosing(told_to(reporting, seen)) as events:
        assert (await anext(events))[1] == "alive"
    publisher = Publisher()
    publisher.publish(S, "32", subsidy.SUBSIDY_GRANTED, award("32-1", ("migrant",)), subject=worker(7))
    await reporting.feed(publisher.published)
    await reporting.until(1)  # while nobody looks
    for last_id in (seen, opened[0][0], "another-7", "x" * 64):
        number, picture = await first(reporting, last_id, "nation", "alive")
        assert picture["facts"] == 1
        assert int(number.rpartition("-")[2]) > int(seen.rpartition("-")[2])


async def test_a_reader_takes_the_newest_of_each_kind_and_never_an_older_one() -> None:
    feed, taken = Feed(), list[bytes]()
    feed.publish("nation", b"1")
    async with aclosing(feed.follow(None, 60)) as slow:
        taken.append(await anext(slow))
        for n in range(2, 9):
            feed.publish("nation", str(n).encode())
            feed.publish("targets", b"t")
        feed.publish("trouble", b"!")
        feed.withdraw("trouble")
        taken += [await anext(slow), await anext(slow)]
    assert [frame.partition(b"data: ")[2].strip() for frame in taken] == [b"1", b"8", b"t"]
    last = taken[-1].split(b"\n")[0].decode().removeprefix("id: ")
    newer = int(last.rpartition("-")[2]) + 2
    for odd in ("", "-", last + "0", f"{last.partition('-')[0]}-{newer}", "x-1", "٣-٣"):
        async with aclosing(feed.follow(odd, 60)) as fresh:
            assert await anext(fresh) != ALIVE


class Page:
    """One open page as the network sees it: reads what it is sent, or does not."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer

    @classmethod
    async def open(cls, port: int, receive_bytes: int | None = None) -> "Page":
        """Ask for the live stream; a page of few `receive_bytes` makes the server wait soon."""
        end = socket.socket()
        if receive_bytes:
            end.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_bytes)
        end.connect(("127.0.0.1", port))
        reader, writer = await asyncio.open_connection(sock=end, limit=2**20)
        writer.write(b"GET /live HTTP/1.1\r\nHost: reporting\r\n\r\n")
        return cls(reader, writer)

    async def until(self, facts: int) -> None:
        """Read until a picture holds so many facts."""
        async for line in self.reader:
            if line.startswith(b"data: ") and json.loads(line[6:]).get("facts") == facts:
                return
        raise AssertionError("the stream ended")


async def test_two_hundred_open_pages_are_each_told_every_update_beside_some_that_take_nothing(
    reporting: Running,
) -> None:
    port = int(reporting.url.rpartition(":")[2])
    async with asyncio.timeout(3 * DEADLINE_S):
        stuck = [await Page.open(port, 2_048) for _ in range(5)]
        pages = [await Page.open(port) for _ in range(PAGES)]
        await asyncio.gather(*(page.until(0) for page in pages))
        publisher = Publisher()
        for n in range(1, 4):
            publisher.published.clear()
            publisher.publish(S, "32", subsidy.SUBSIDY_GRANTED, award(f"32-{n}", ()), subject=worker(n))
            await reporting.feed(publisher.published)
            await asyncio.gather(*(page.until(n) for page in pages))
    for page in stuck + pages:
        page.writer.close()


async def test_the_past_picture_of_today_is_the_live_one(told: Running) -> None:
    live = (await told.get("/v1/nation")).json()
    assert live["facts"] == len(HISTORY.published)
    for query in ({"known_on": "2099-12-31"}, {"as_of": "2099-12"}):
        past = (await told.get("/v1/nation", **query)).json()
        assert {code: total for code, total in past["measures"].items() if total} == {
            code: total for code, total in live["measures"].items() if total
        }
        assert past["lanes"] == live["lanes"]
        assert [one["value"] for one in past["targets"]] == [one["value"] for one in live["targets"]]
        assert (past["latest"], past["still"]) == ([], [])


async def test_a_past_picture_holds_what_was_known_then_and_had_happened_by_then(reporting: Running) -> None:
    publisher = Programme(7, ("32",)).play(60)
    early = len(publisher.published)
    publisher.clock += timedelta(days=20)
    for n in range(3):
        publisher.publish(S, "33", subsidy.SUBSIDY_GRANTED, award(f"33-{n}", ()), subject=worker(900 + n))
    await reporting.feed(publisher.published[:early])
    await reporting.until(early)
    before = (await reporting.get("/v1/nation")).json()
    await reporting.feed(publisher.published[early:])
    await reporting.until(early + 3)
    then = (await reporting.get("/v1/nation", known_on="2026-03-10")).json()
    assert then["lanes"] == before["lanes"]
    assert then["measures"]["funded"] == before["measures"]["funded"]
    assert (then["began"], then["known_on"], then["as_of"]) == ("2026-03-02", "2026-03-10", None)
    assert (await reporting.get("/v1/nation", known_on="2026-03-01")).json()["measures"]["funded"] == 0
    enrolled = [
        (await reporting.get("/v1/nation", as_of=month)).json()["measures"]["enrolled"]
        for month in ("2025-12", "2026-04", "2026-12")
    ]
    assert enrolled[0] == 0 < enrolled[1] < enrolled[2] == before["measures"]["enrolled"]


async def test_trends_lead_to_the_totals_of_every_scope_and_leave_no_month_out(told: Running) -> None:
    measures = ["enrolled", "funded", "granted_fen", "accepted"]
    totals = (await told.get("/v1/totals", measure=measures)).json()
    answer = await told.get("/v1/trends", measure=measures, by_lane=True, months=3)
    found = {trend["measure"]: trend for trend in answer.json()["trends"]}
    for code in measures:
        trend = found[code]
        assert trend["persons"] == (MEASURES[code].cube == "persons")
        for scope, added in trend["added"].items():
            whole = totals["nation"] if scope == "nation" else totals["lanes"].get(scope, {})
            assert trend["before"][scope] + sum(added) == whole.get(code, 0), (code, scope)
            assert len(added) == len(trend["months"])
    enrolled = found["enrolled"]
    assert enrolled["months"] == ["2026-09", "2026-10", "2026-11"]
    own = (await told.get("/v1/trends", measure="enrolled", lane="32", months=3)).json()["trends"][0]
    assert own["added"] == {"32": enrolled["added"]["32"]}
    same = await told.client.get(answer.request.url, headers={"If-None-Match": answer.headers["etag"]})
    assert same.status_code == 304
    assert (await told.get("/v1/trends", measure="patents")).json()["code"] == "not_a_measure"


@pytest.mark.parametrize(
    ("today", "nation", "jiangsu", "zhejiang"),
    [
        (date(2025, 12, 31), None, None, None),
        (date(2026, 1, 1), 1, 1, 0),
        (date(2026, 1, 31), 31, 31, 0),
        (date(2026, 2, 28), 31, 31, 0),
        (date(2026, 3, 15), 61, 31, 30),
        (date(2026, 3, 31), 93, 31, 62),
        (date(2028, 2, 29), 98, 31, 67),
    ],
)
def test_the_mark_of_last_year_is_where_the_same_day_stood(
    today: date, nation: int | None, jiangsu: int | None, zhejiang: int | None
) -> None:
    selections = asked_for(BOOK)
    sums: list[Sums] = [{} for _ in selections]
    sums[0] = {("32", "2025-01"): 10, ("33", "2025-01"): 10, ("50", "2025-01"): 10}
    added = {("32", "2025-01"): 31, ("33", "2025-03"): 62, ("33", "2025-04"): 5, ("33", "2028-02"): 1_000}
    for place in (national := selections.index(selection(BY_CODE["funded"])), national + 1):
        sums[place] = added
    found = prospects(BOOK, sums, Moment(today, date(2025, 1, 1)))[0]
    lanes = {one.lane: one.last_year for one in found.short}
    assert (found.last_year, lanes["32"], lanes["33"]) == (nation, jiangsu, zhejiang)
    assert lanes["50"] == (None if nation is None else 0)
