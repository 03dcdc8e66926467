"""Promises of reporting's HTTP: public numbers, what needs a token, problems that say what to do, the live stream."""

import asyncio
import json
import re
import time
from collections.abc import AsyncGenerator, AsyncIterator, MutableMapping
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from console.stack.infrastructure import Infrastructure
from services.reporting import main, store, sums_store
from services.reporting.api import live as live_module
from services.reporting.api import site
from services.reporting.config import Settings
from services.reporting.domain.cubes import CUBES
from services.reporting.domain.nation import NOTABLE
from services.reporting.domain.tiles import TILES
from shared.contracts import enrollment, provinces, subsidy
from shared.contracts.lanes import LANE_CODES
from shared.plumbing.service import asyncapi
from tests.reporting.conftest import DEADLINE_S, HISTORY, Running, running
from tests.reporting.facts import E, Publisher, S, award, enrolled, worker


@asynccontextmanager
async def stream(service: Running) -> AsyncIterator[AsyncIterator[tuple[str, Any]]]:
    """The live stream as (event, data)."""

    async def events(lines: AsyncIterator[str]) -> AsyncIterator[tuple[str, Any]]:
        name = ""
        async for line in lines:
            if line.startswith("event: "):
                name = line[7:]
            if line.startswith("data: "):
                yield name, json.loads(line[6:])

    async with asyncio.timeout(DEADLINE_S), service.client.stream("GET", "/live") as answer:
        assert answer.headers["content-type"].startswith("text/event-stream")
        yield events(answer.aiter_lines())


async def test_everybody_may_read_numbers_that_agree_with_each_other(told: Running) -> None:
    nation = (await told.get("/v1/nation")).json()
    lanes = (await told.get("/v1/provinces")).json()
    assert nation["simulated"] is True
    assert nation["facts"] == len(HISTORY.published)
    assert [lane["code"] for lane in lanes] == list(LANE_CODES)
    assert nation["measures"]["enrolled"] == sum(lane["measures"].get("enrolled", 0) for lane in lanes)
    assert nation["lanes"] == lanes
    assert nation["measures"]["allocated_fen"] == nation["measures"]["opened_fen"] > 0
    assert {one["code"] for one in nation["targets"]} == {"funded", "funded_migrant", "projects"}
    by_month = (await told.get("/v1/series", measure="enrolled")).json()["points"]
    assert sum(point["values"]["enrolled"] for point in by_month) == nation["measures"]["enrolled"]
    by_minute = (await told.get("/v1/series", by="minute", lane="32", measure="enrolled")).json()["points"]
    enrolled_in_32 = next(lane for lane in lanes if lane["code"] == "32")["measures"]["enrolled"]
    assert sum(point["values"]["enrolled"] for point in by_minute) == enrolled_in_32


async def test_simulated_numbers_are_marked_wherever_they_are_asked_for(told: Running) -> None:
    for path in (
        "/",
        "/v1/nation",
        "/v1/provinces",
        "/v1/series",
        "/v1/latest?lane=32",
        "/v1/cells?cube=money",
    ):
        answer = await told.get(path, "official")
        assert answer.status_code == 200, path
        assert answer.headers["dreams-simulated"] == "true", path
    async with told.client.stream("GET", "/live") as live:
        assert live.headers["dreams-simulated"] == "true"
    assert (await told.get("/v1/series")).json()["simulated"] is True
    assert (await told.get("/v1/cells", "official", cube="money")).json()["simulated"] is True


async def test_what_happened_just_now_names_nobody(told: Running) -> None:
    latest = (await told.get("/v1/latest", lane="32")).json()
    assert 0 < len(latest) <= 12
    assert set(latest[0]) == {"lane", "seq", "type", "recorded_at", "amount_fen"}
    assert {one["lane"] for one in latest} == {"32"}
    public = (await told.get("/v1/nation")).text + (await told.get("/v1/provinces")).text
    assert "k1." not in public


async def test_every_measure_is_defined_in_both_languages(told: Running) -> None:
    for measure in (await told.get("/v1/definitions")).json():
        assert measure["definition_zh"].endswith("。")
        assert measure["definition_en"].endswith(".")


@pytest.mark.parametrize(
    ("path", "office", "status"),
    [
        ("/v1/cells?cube=study", None, 401),
        ("/v1/cells?cube=study", "province-32", 403),
        ("/v1/cells?cube=study", "official", 200),
        ("/v1/facts/x", "official", 403),
        ("/v1/facts/x", "operator", 200),
        ("/v1/facts/x", "auditor", 200),
        ("/v1/digest", None, 401),
        ("/v1/digest", "official", 200),
        ("/v1/nation", None, 200),
    ],
)
async def test_who_may_see_what(told: Running, path: str, office: str | None, status: int) -> None:
    assert (await told.get(path, office)).status_code == status


@pytest.mark.parametrize(
    ("path", "says"),
    [
        ("/v1/series?measure=nonsense", "/v1/definitions"),
        ("/v1/series?lane=99", "lane"),
        ("/v1/latest", "lane"),
        ("/v1/cells?cube=other", "cube"),
        ("/v1/cells?cube=study&after=1", "next"),
        ("/v1/cells?cube=study&measure=nonsense", "/v1/cubes"),
        ("/v1/cells?cube=study&mode=blended", "track"),
        ("/v1/cells?cube=study&dim=lane&category=migrant&category=industrial", "overlap"),
        ("/v1/cells?cube=persons&dim=month", "as_of"),
        ("/v1/cells?cube=persons_nation&lane=32", "lane"),
        ("/v1/cells?cube=study&nonsense=1", "nonsense"),
        ("/v1/totals?measure=nonsense", "/v1/definitions"),
        ("/v1/events?measure=arrived&lane=32&month=2026-03", "/v1/definitions"),
        ("/v1/cells?cube=study&limit=100000", "limit"),
    ],
)
async def test_a_bad_question_is_a_problem_that_says_which_part(told: Running, path: str, says: str) -> None:
    answer = await told.get(path, "official")
    assert answer.status_code == 422
    assert answer.headers["content-type"] == "application/problem+json"
    problem = answer.json()
    assert problem["status"] == 422
    assert says in problem["detail"]
    assert re.search(r"[\u4e00-\u9fff]", problem["detail"])


async def test_cells_come_in_pages_without_loss_or_repeat(told: Running) -> None:
    whole = (await told.get("/v1/cells", "official", cube="study", limit=1000)).json()
    assert whole["next"] is None
    assert whole["dimensions"] == ["lane", "month", "category", "track"]
    pages: list[dict[str, Any]] = []
    more: dict[str, Any] = {}
    for _ in range(200):
        page = (await told.get("/v1/cells", "official", cube="study", limit=17, **more)).json()
        pages += page["cells"]
        more = {"after": page["next"]}
        if page["next"] is None:
            break
    assert pages == whole["cells"]
    money = (await told.get("/v1/cells", "official", cube="money", lane="32", measure="planned_fen")).json()
    assert money["cells"] == [
        {
            "lane": "32",
            "fiscal_year": "2026",
            "fund_source": "专项资金",
            "funder_level": "provincial",
            "measure": "planned_fen",
            "total": 60_000_000,
        }
    ]


async def test_cells_add_up_to_the_totals_whatever_is_kept_and_however_much_is_summed_up(
    told: Running,
) -> None:
    nation = (await told.get("/v1/nation")).json()["measures"]

    async def added(dims: list[str]) -> int:
        asked = {"cube": "study", "measure": "enrolled", "dim": dims, "limit": 1000}
        found = (await told.get("/v1/cells", "auditor", **asked)).json()["cells"]
        return sum(cell["total"] for cell in found)

    for _ in ("as deltas", "as cells"):
        for dims in (["lane"], ["month"], ["track"], ["lane", "month", "track"]):
            assert await added(dims) == nation["enrolled"]
        measures = ["enrolled", "funded", "funded_migrant", "learners", "granted_fen", "accepted", "projects"]
        totals = (await told.get("/v1/totals", measure=measures)).json()
        assert totals["nation"] == {code: nation[code] for code in measures}
        by_lane = {lane["code"]: lane["measures"] for lane in (await told.get("/v1/provinces")).json()}
        for lane, sums in totals["lanes"].items():
            assert sums == {code: by_lane[lane][code] for code in sums}
        await sums_store.sum_up(told.db)


async def test_as_of_and_known_on_go_back_in_time(reporting: Running) -> None:
    publisher = Publisher()
    who = {"subject": worker(1)}
    publisher.publish(E, "32", provinces.WORKER_ENROLLED, enrolled("32", "32-1", ("migrant",)), **who)
    publisher.clock += timedelta(days=1)
    later = enrolled("32", "32-2", ("migrant",), start="2026-06-01")
    publisher.publish(E, "32", provinces.WORKER_ENROLLED, later, subject=worker(1))
    await reporting.feed(publisher.published)
    await reporting.until(2)

    async def asked(**when: str) -> tuple[int, int]:
        answer = (await reporting.get("/v1/totals", measure=["enrolled", "learners"], **when)).json()
        return answer["nation"]["enrolled"], answer["nation"]["learners"]

    assert await asked() == (2, 1)
    assert await asked(as_of="2026-05") == (1, 1)
    assert await asked(as_of="2026-02") == (0, 0)
    assert await asked(known_on="2026-03-02") == (1, 1)
    assert await asked(known_on="2026-03-01") == (0, 0)
    assert await asked(known_on="2026-03-03", as_of="2026-06-30") == (2, 1)


async def test_an_answer_is_sent_again_only_when_something_has_changed(reporting: Running) -> None:
    path = "/v1/cells?cube=study&measure=enrolled&dim=lane"
    first = await reporting.get(path, "official")
    headers = reporting.token("official") | {"If-None-Match": first.headers["etag"]}
    again = await reporting.client.get(path, headers=headers)
    assert (again.status_code, again.content) == (304, b"")
    assert (await reporting.client.get(path + "&lane=32", headers=headers)).status_code == 200
    publisher = Publisher()
    publisher.publish(
        E, "32", provinces.WORKER_ENROLLED, enrolled("32", "32-1", ("migrant",)), subject=worker(1)
    )
    await reporting.feed(publisher.published)
    await reporting.until(1)
    assert (await reporting.client.get(path, headers=headers)).status_code == 200


async def test_the_events_behind_a_cell_add_up_to_it_and_looking_at_them_is_written_down(
    told: Running,
) -> None:
    asked = {"cube": "study", "measure": "awards_granted", "lane": "32", "dim": "month"}
    (cell,) = (await told.get("/v1/cells", "official", **asked)).json()["cells"]
    found: list[dict[str, Any]] = []
    after: dict[str, Any] = {}
    while True:
        behind = {"measure": "awards_granted", "lane": "32", "month": cell["month"], "limit": 7, **after}
        page = (await told.get("/v1/events", "official", **behind)).json()
        found += page["events"]
        if page["next"] is None:
            break
        after = {"after": page["next"]}
    assert sum(one["counts"] for one in found) == cell["total"] == len({one["event_id"] for one in found})
    assert "k1." not in json.dumps(found)
    trail = (await told.get("/v1/look-ups", "auditor")).json()
    assert {one["what"] for one in trail} >= {"events_behind_a_cell"}
    assert next(one for one in trail if one["what"] == "events_behind_a_cell")["found"]["events"] == 7


async def test_targets_say_the_same_as_the_page_and_more(told: Running) -> None:
    nation = (await told.get("/v1/nation")).json()
    answer = (await told.get("/v1/targets")).json()
    targets = {one["code"]: one for one in answer["targets"]}
    for shown in nation["targets"]:
        assert targets[shown["code"]]["progress"] | {"measure": shown["measure"]} == shown
    assert {one["lane"] for one in targets["funded"]["short"]} <= {"32", "33", "50"}
    assert targets["jiangsu_2025"]["progress"]["value"] == 0
    assert all(one["consistent"] for one in answer["targets"])
    opening = {one["code"]: one for one in answer["since_2016"]}
    migrants = opening["migrant_workers"]
    assert (migrants["opening"], migrants["streamed"]) == (2_400_000, nation["measures"]["funded_migrant"])
    before = (await told.get("/v1/targets", known_on="2026-03-01")).json()
    assert all(one["progress"]["value"] == 0 for one in before["targets"])


async def test_cubes_say_which_question_they_answer_in_both_languages(told: Running) -> None:
    cubes = (await told.get("/v1/cubes")).json()
    assert {cube["code"] for cube in cubes} == set(CUBES)
    for cube in cubes:
        assert cube["question_en"]
        assert re.search(r"[\u4e00-\u9fff]", cube["question_zh"])


async def test_an_event_is_found_with_all_that_led_to_it_and_came_of_it(reporting: Running) -> None:
    publisher = Publisher()
    who = {"subject": worker(9)}
    start = {"causationid": "js/2026 001", "correlationid": "js/2026 001"}
    fact = publisher.publish(
        E, "32", provinces.WORKER_ENROLLED, enrolled("32", "32-1", ("migrant",)), **who, **start
    )
    later = {"causationid": fact["id"], "correlationid": "js/2026 001"}
    publisher.publish(S, "32", subsidy.SUBSIDY_RESERVED, award("32-1", ("migrant",)), **who, **later)
    publisher.publish(E, "33", enrollment.DAY_BEGAN, {"day": "2026-03-02", "log_head": "0" * 64})
    await reporting.feed(publisher.published)
    await reporting.until(3)
    for event_id in ("js/2026 001", fact["id"], "s-32-1"):
        found = (await reporting.get(f"/v1/facts/{event_id}", "auditor")).json()
        assert [one["type"] for one in found] == [provinces.WORKER_ENROLLED, subsidy.SUBSIDY_RESERVED]
        assert "k1." not in json.dumps(found)
    assert (await reporting.get("/v1/facts/nothing", "auditor")).json() == []


async def test_the_digest_is_the_same_until_a_fact_comes(reporting: Running) -> None:
    first = (await reporting.get("/v1/digest", "auditor")).json()
    assert (await reporting.get("/v1/digest", "auditor")).json() == first
    publisher = Publisher()
    publisher.publish(S, "32", subsidy.SUBSIDY_GRANTED, award("32-1", ("migrant",)), subject=worker(1))
    await reporting.feed(publisher.published)
    await reporting.until(1)
    assert (await reporting.get("/v1/digest", "auditor")).json() != first


async def test_an_open_page_sees_the_newest_picture_first_and_then_each_fact(reporting: Running) -> None:
    publisher = Publisher()
    async with stream(reporting) as events:
        name, before = await anext(events)
        assert name == "nation"
        assert before["facts"] == 0
        publisher.publish(S, "32", subsidy.SUBSIDY_GRANTED, award("32-1", ("migrant",)), subject=worker(7))
        await reporting.feed(publisher.published)
        fed_s = time.monotonic()
        async for name, after in events:
            if name == "nation" and after["facts"]:
                break
    assert time.monotonic() - fed_s < live_module.IDLE_S / 2  # heard of, not found by looking again
    assert after["measures"]["funded"] == 1
    assert after["latest"][0]["type"] == subsidy.SUBSIDY_GRANTED


async def test_an_idle_page_hears_that_the_service_is_alive(
    told: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(live_module, "ALIVE_S", 0.1)
    async with stream(told) as events:
        assert [(await anext(events))[0] for _ in range(3)] == ["nation", "targets", "alive"]


async def test_a_lane_that_stands_still_is_told(reporting: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live_module, "IDLE_S", 0.1)
    publisher = Publisher()
    publisher.publish(S, "50", subsidy.SUBSIDY_GRANTED, {"award_id": 7}, subject=worker(2))
    await reporting.feed(publisher.published)
    async with stream(reporting) as events:
        async for name, picture in events:
            if name == "nation" and picture["still"]:
                break
    assert picture["still"][0]["lane"] == "50"
    assert picture["still"][0]["why"] == "stopped"


async def test_a_lost_database_connection_is_told_and_healed(
    infrastructure: Infrastructure, reporting: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(live_module, "AGAIN_S", 0.1)
    async with stream(reporting) as events:
        await anext(events)
        await reporting.db.execute(
            """SELECT pg_terminate_backend(pid) FROM pg_stat_activity
               WHERE pid <> pg_backend_pid() AND datname = current_database()"""
        )
        async for name, _ in events:
            if name == "trouble":
                break
        publisher = Publisher()
        publisher.publish(E, "32", enrollment.DAY_BEGAN, {"day": "2026-03-02", "log_head": "0" * 64})
        await reporting.feed(publisher.published)
        async for name, picture in events:
            if name == "nation" and picture["facts"] == 1:
                return
    raise AssertionError("the stream ended")


async def test_a_reader_that_takes_nothing_is_dropped(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live_module, "SEND_TIMEOUT_S", 0.05)
    taken, closed = [], asyncio.Event()

    async def frames() -> AsyncGenerator[bytes]:
        try:
            while True:
                yield b"event: alive\n\n"
        finally:
            closed.set()

    async def take_two_and_stall(message: MutableMapping[str, Any]) -> None:
        taken.append(message["type"])
        if len(taken) > 2:
            await asyncio.Event().wait()

    async with asyncio.timeout(DEADLINE_S):
        await live_module.Stream(frames()).stream_response(take_two_and_stall)
        await closed.wait()
    assert taken == ["http.response.start", "http.response.body", "http.response.body"]


async def test_too_many_pages_are_asked_to_come_again(
    infrastructure: Infrastructure, namespace: str, tmp_path: Path
) -> None:
    async with running(infrastructure, namespace, tmp_path, live_readers_max=1) as service, stream(service):
        refused = await service.get("/live")
    assert refused.status_code == 503
    assert refused.headers["retry-after"]
    assert refused.headers["content-type"] == "application/problem+json"


@pytest.mark.parametrize(
    ("query", "cookie", "accept", "lang"),
    [
        ("en", None, None, "en"),
        (None, "en", "zh-CN", "en"),
        (None, None, "fr, en-US;q=0.8, zh;q=0.5", "en"),
        (None, None, "fr", "zh-CN"),
        (None, "xx", None, "zh-CN"),
    ],
)
async def test_the_page_speaks_the_language_asked_for_remembered_or_preferred(
    told: Running, query: str | None, cookie: str | None, accept: str | None, lang: str
) -> None:
    headers = {"Accept-Language": accept or "", **({"Cookie": f"lang={cookie}"} if cookie else {})}
    told.client.cookies.clear()
    answer = await told.client.get("/", params={"lang": query} if query else {}, headers=headers)
    assert f'<html lang="{lang}">' in answer.text
    assert ("lang=" in answer.headers.get("set-cookie", "")) == (query is not None)


async def test_the_page_brings_all_its_files_itself_and_says_that_it_is_simulated(told: Running) -> None:
    page = await told.get("/", lang="zh")
    assert "模拟数据" in page.text
    assert "default-src 'none'" in page.headers["content-security-policy"]
    sources = re.findall(r'(?:src|href)="(/page/[^"]+)"', page.text)
    assert {Path(source).suffix for source in sources} == {".css", ".js", ".svg"}
    for source in sources:
        answer = await told.get(source)
        assert answer.status_code == 200
        assert "immutable" in answer.headers["cache-control"]
    assert "immutable" not in (await told.get("/page/older/page.css")).headers["cache-control"]
    assert (await told.get("/page/older/nothing.css")).status_code == 404
    assert not re.search(r"https?://(?!www\.w3\.org)", page.text)


async def test_the_page_opens_without_a_picture_when_the_database_is_away(
    told: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def away(_: object) -> None:
        raise TimeoutError

    monkeypatch.setattr(store, "standing", away)
    page = await told.get("/", lang="en")
    assert page.status_code == 200
    assert 'data-state="loading"' in page.text
    answer = await told.get("/v1/nation")
    assert answer.status_code == 503
    assert answer.headers["retry-after"]


def test_every_word_stands_in_both_languages_and_every_happening_has_one() -> None:
    words = site.words()
    both = {"zh", "en"}
    happened = words.pop("happened")
    assert all(set(entry) == both for entry in (*words.values(), *happened.values()))
    assert set(happened) == set(NOTABLE)
    for entry in words.values():
        assert set(re.findall(r"\{\w+\}", entry["zh"])) == set(re.findall(r"\{\w+\}", entry["en"]))


def test_the_map_shows_every_lane_but_the_nation_each_on_a_place_of_its_own() -> None:
    assert {tile.code for tile in TILES} == set(LANE_CODES) - {"00"}
    assert len({(tile.column, tile.row) for tile in TILES}) == len(TILES)
    css = (site.PAGE / "page.css").read_text()
    for tile in TILES:
        assert f".t{tile.code} {{ grid-area: {tile.row + 1} / {tile.column}; }}" in css


def test_the_asyncapi_document_names_the_facts_that_are_read(tmp_path: Path) -> None:
    for name in ("dsn", "tokens", "seal"):
        (tmp_path / name).write_text("x")
    settings = Settings(
        kafka_bootstrap="127.0.0.1:1",
        kafka_username="reporting",
        kafka_password_file=tmp_path / "dsn",
        database_dsn_file=tmp_path / "dsn",
        http_port=1,
        tokens_file=tmp_path / "tokens",
        seal_key_file=tmp_path / "seal",
    )
    document = asyncapi(main.definition(settings), settings, "National truth in numbers.")
    assert "SubsidyGranted" in document
    assert "enrollment.events" in document
