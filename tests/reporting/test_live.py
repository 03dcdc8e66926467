"""Promises of what the live page is told: nobody misses anything, the slow hurt nobody, the past can be asked for."""

import asyncio
import json
import socket
import zlib
from collections.abc import AsyncGenerator
from contextlib import aclosing
from datetime import date, timedelta
from typing import Any, Final

import pytest

from services.reporting.api import live
from services.reporting.api.feed import ALIVE, Feed, Frame
from services.reporting.api.pace import INTERVAL_MAX_S, INTERVAL_S, SHARE, Pace
from services.reporting.domain.measures import MEASURES
from services.reporting.domain.prospects import Moment, Sums, asked_for, prospects
from services.reporting.domain.targets import selection
from shared.contracts import subsidy
from shared.contracts.lanes import LANE_CODES
from tests.reporting.conftest import DEADLINE_S, HISTORY, Running
from tests.reporting.facts import Programme, Publisher, S, award, worker
from tests.reporting.test_targets import BOOK, BY_CODE

STUCK_S: Final = 5.0
"""A page that takes nothing for so long is dropped, in these tests."""
HELD_BYTES_MAX: Final = 512 * 1024
"""What the service may keep for one page that is slow: the limit of its server, and a picture."""


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
    feed, taken = Feed(), list[Frame]()
    feed.publish("nation", b"1")
    async with aclosing(feed.follow(None, 60)) as slow:
        taken.append(await anext(slow))
        for n in range(2, 9):
            feed.publish("nation", str(n).encode())
            feed.publish("targets", b"t")
        feed.publish("trouble", b"!")
        feed.withdraw("trouble")
        taken += [await anext(slow), await anext(slow)]
    assert [frame.plain.partition(b"data: ")[2].strip() for frame in taken] == [b"1", b"8", b"t"]
    last = taken[-1].plain.split(b"\n")[0].decode().removeprefix("id: ")
    newer = int(last.rpartition("-")[2]) + 2
    for odd in ("", "-", last + "0", f"{last.partition('-')[0]}-{newer}", "x-1", "٣-٣"):
        async with aclosing(feed.follow(odd, 60)) as fresh:
            assert await anext(fresh) != ALIVE


ASK: Final = b"GET /live HTTP/1.1\r\nHost: reporting\r\n\r\n"


class Page:
    """One open page as the network sees it, which reads what it is sent when it likes."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer
        self.seen: list[tuple[int, int]] = []
        """(number, facts) of each picture."""

    @classmethod
    async def open(cls, port: int) -> "Page":
        """Ask for the live stream."""
        reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=2**16)
        writer.write(ASK)
        return cls(reader, writer)

    async def next(self) -> int:
        """Read the next picture: how many facts it holds."""
        number = 0
        async for line in self.reader:
            if line.startswith(b"id: "):
                number = int(line.rpartition(b"-")[2])
            if line.startswith(b"data: ") and "facts" in (data := json.loads(line[6:])):
                self.seen.append((number, data["facts"]))
                return int(data["facts"])
        raise AssertionError("the stream ended")

    async def until(self, facts: int) -> None:
        """Read until a picture holds so many facts, if none has yet."""
        while not self.seen or self.seen[-1][1] < facts:
            await self.next()


@pytest.mark.parametrize(
    ("pages", "rounds"),
    [(50, 2), pytest.param(500, 40, marks=[pytest.mark.campaign, pytest.mark.timeout(1_800)])],
)
async def test_each_of_many_pages_has_every_update_or_a_fresh_one_and_who_takes_nothing_is_dropped(
    reporting: Running, pages: int, rounds: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(live, "SEND_TIMEOUT_S", STUCK_S)
    port = int(reporting.url.rpartition(":")[2])
    publisher = Programme(5, LANE_CODES[:8])
    async with asyncio.timeout(DEADLINE_S * (2 + pages / 50)):
        stuck = [asks_and_reads_nothing(port) for _ in range(5)]
        slow = [await Page.open(port) for _ in range(5)]
        await asyncio.gather(*(page.until(0) for page in slow))
        hold_little(reporting)
        quick = [await Page.open(port) for _ in range(pages)]
        await asyncio.gather(*(page.until(0) for page in quick))
        facts, after_them = 0, 0
        while after_them < rounds:
            published = publisher.play(facts + 50).published[facts:]
            before, facts = facts, facts + len(published)
            await reporting.feed(published)
            await asyncio.gather(
                *(page.until(facts) for page in quick), *(page.until(before) for page in slow)
            )
            assert held_bytes(reporting) < HELD_BYTES_MAX
            after_them += await readers(reporting) == pages + len(slow)
        await asyncio.gather(*(page.until(facts) for page in slow))
        again = await Page.open(port)
        assert await again.next() == facts, "who was dropped comes again and has all of it at once"
    for page in quick + slow:
        assert page.seen == sorted(set(page.seen)), "a page was told something twice, or an older picture"
    for page in [*slow, *quick, again]:
        page.writer.close()
    for end in stuck:
        end.close()


def asks_and_reads_nothing(port: int) -> socket.socket:
    """An open page whose reader has gone to sleep."""
    end = socket.socket()
    end.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2_048)
    end.connect(("127.0.0.1", port))
    end.sendall(ASK)
    return end


def hold_little(service: Running) -> None:
    """Let the kernel keep little for who does not read, so that the service soon notices."""
    for connection in service.server.server_state.connections:
        end = connection.transport.get_extra_info("socket")
        end.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4_096)


def held_bytes(service: Running) -> int:
    """The most that the service itself keeps for one page."""
    return max(one.transport.get_write_buffer_size() for one in service.server.server_state.connections)


async def readers(service: Running) -> int:
    """How many pages are open, by the service's own count."""
    (line,) = [
        line
        for line in (await service.get("/metrics")).text.splitlines()
        if line.startswith("dreams_reporting_readers ")
    ]
    return int(float(line.rpartition(" ")[2]))


@pytest.mark.parametrize("took_s", [0.001, 0.02, 0.04, 0.055])
def test_pages_take_their_share_of_time_and_no_more_however_long_facts_flow(took_s: float) -> None:
    pace, now_s, spent_s = Pace(0), 0.0, 0.0
    for _ in range(1_000):
        wait_s = pace.spent(took_s, now_s)
        assert INTERVAL_S <= wait_s <= INTERVAL_MAX_S
        now_s, spent_s = now_s + wait_s, spent_s + took_s
    assert spent_s / now_s <= SHARE * 1.05


def test_a_change_now_and_then_is_shown_at_once_though_handing_it_out_takes_long() -> None:
    pace = Pace(0)
    assert {pace.spent(0.04, second) for second in range(2, 200, 2)} == {INTERVAL_S}


async def test_a_packed_stream_says_the_same_and_is_much_smaller(told: Running) -> None:
    port = int(told.url.rpartition(":")[2])
    plain = await Page.open(port)
    packed_reader, packed_writer = await asyncio.open_connection("127.0.0.1", port)
    packed_writer.write(b"GET /live HTTP/1.1\r\nHost: reporting\r\nAccept-Encoding: br, gzip\r\n\r\n")
    async with asyncio.timeout(DEADLINE_S):
        facts = await plain.next()
        head = await packed_reader.readuntil(b"\r\n\r\n")
        assert b"content-encoding: gzip" in head
        unpacker, text, taken = zlib.decompressobj(wbits=31), b"", 0
        while b"event: targets" not in text:
            chunk = await packed_reader.readexactly(int(await packed_reader.readline(), 16))
            await packed_reader.readline()
            taken += len(chunk)
            text += unpacker.decompress(chunk)
    pictures = [line[6:] for line in text.splitlines() if line.startswith(b"data: ")]
    assert json.loads(pictures[0])["facts"] == facts
    assert taken < len(text) / 3
    for writer in (plain.writer, packed_writer):
        writer.close()


@pytest.mark.parametrize(
    ("accepted", "packed"),
    [("gzip", True), ("br, GZIP;q=0.5", True), ("gzip;q=0", False), ("br", False), ("", False)],
)
async def test_only_who_takes_gzip_is_sent_gzip(told: Running, accepted: str, packed: bool) -> None:
    async with told.client.stream("GET", "/live", headers={"Accept-Encoding": accepted}) as answer:
        assert (answer.headers.get("content-encoding") == "gzip") is packed


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
