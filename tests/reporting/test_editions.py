"""Promises of closed editions: checked, signed, immutable, restated with what changed; nothing small is told."""

import asyncio
import json
import re
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import asyncpg
import httpx
import pytest
from playwright.async_api import async_playwright
from typer.testing import CliRunner

from console.main import app
from console.stack.tokens import plain_token
from services.reporting import edition_store
from services.reporting.domain import editions
from services.reporting.domain.disclosure import RULE
from services.reporting.domain.editions import Name
from services.reporting.domain.public_tables import TABLES
from shared.contracts import enrollment, provinces
from shared.plumbing.signing import unsealed
from tests.reporting.conftest import Running
from tests.reporting.facts import E, Publisher, enrolled, registered, worker
from tests.reporting.test_page import CHROMIUM, QUIET, hindrances

MONTH = "2026-01"
WHY = "control totals came by letter"


class Country:
    """Two provinces that enroll in January 2026, one of them only a few; then the month is over."""

    def __init__(self) -> None:
        self.publisher = Publisher(clock=datetime(2026, 1, 5, 1, 0, tzinfo=UTC))
        self._next = 0

    def enroll(
        self, lane: str, flags: tuple[str, ...], track: str, people: int, start: str = "2026-01-12"
    ) -> None:
        for _ in range(people):
            self._next += 1
            about = enrolled(lane, f"{lane}-{self._next}", flags, track, start)
            self.publisher.publish(E, lane, provinces.WORKER_ENROLLED, about, subject=worker(self._next))

    def establish(self, lane: str, *days: str) -> None:
        for day in days:
            self._next += 1
            project = {
                "project_no": f"{lane}-{self._next}",
                "name": "产业工人学历提升",
                "lead": "总工会",
                "established_on": day,
                "sector": "C",
            }
            self.publisher.publish(E, lane, provinces.PROJECT_ESTABLISHED, project)

    def days(self, lane: str, first: int, last: int) -> None:
        for day in range(first, last + 1):
            tally = {"accepted": 3, "duplicate": 0, "conflict": 0, "rejected": 0, "parked": 0}
            self.publisher.publish(
                E, lane, enrollment.VERDICTS_TALLIED, {"day": f"2026-01-{day:02d}", **tally}
            )

    def month_is_over(self) -> None:
        self.publisher.clock = datetime(2026, 2, 3, 1, 0, tzinfo=UTC)
        self.publisher.publish(E, "32", enrollment.DAY_BEGAN, {"day": "2026-02-03", "log_head": "0" * 64})

    def void(self, enrollment_no: str, lane: str) -> None:
        was = next(
            fact
            for fact in (json.loads(raw) for _, raw in self.publisher.published)
            if fact["data"].get("enrollment_no") == enrollment_no
        )
        self.publisher.publish(
            E,
            lane,
            provinces.EVENT_VOIDED,
            {
                "event_id": was["id"],
                "reason": "登记有误",
                "voided_type": provinces.WORKER_ENROLLED,
                "voided_time": was["time"],
                "voided": was["data"],
                "reported_by": lane,
            },
            subject=was["subject"],
        )


def january() -> Country:
    country = Country()
    for lane in ("32", "33"):
        country.publisher.publish(
            E, lane, provinces.WORKER_REGISTERED, registered(lane, ("migrant",)), subject=worker(0)
        )
    country.enroll("32", ("migrant",), "academic", 34)
    country.enroll("32", ("industrial",), "skills", 23)
    country.enroll("32", ("industrial",), "combined", 17)
    country.enroll("33", ("migrant",), "academic", 21)
    country.enroll("33", ("migrant", "front_line"), "skills", 4)
    country.days("32", 1, 31)
    country.days("33", 1, 31)
    return country


@pytest.fixture
async def country(reporting: Running) -> tuple[Running, Country]:
    """A service that has taken January in."""
    made = january()
    await fed(reporting, made)
    return reporting, made


async def fed(service: Running, country: Country, sent: int = 0) -> int:
    published = country.publisher.published
    await service.feed(published[sent:])
    await service.until(len(published))
    return len(published)


async def close(service: Running, office: str = "operator", **order: Any) -> httpx.Response:
    return await service.client.post(
        "/v1/editions", json={"period": MONTH, **order}, headers=service.token(office)
    )


async def table(service: Running, code: str, edition: str) -> dict[tuple[str, str], int | None]:
    answer = await service.get(f"/v1/tables/{code}", edition=edition)
    assert answer.status_code == 200, answer.text
    return {(cell["row"], cell["column"]): cell["value"] for cell in answer.json()["cells"]}


async def test_a_month_is_closed_once_signed_and_nobody_can_change_it(
    country: tuple[Running, Country], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    service, made = country
    early = await close(service, reason=WHY)
    assert (early.status_code, early.json()["code"]) == (409, "not_over")
    made.month_is_over()
    await fed(service, made, len(made.publisher.published) - 1)
    assert (await close(service, "official")).status_code == 403

    both = await asyncio.gather(close(service), close(service))
    closed, other = sorted(both, key=lambda answer: answer.status_code)
    assert closed.status_code == 201, closed.text
    assert (other.status_code, other.json()["code"]) == (409, "already_closed"), (
        "of two at once one is refused"
    )
    assert {one["code"]: one["outcome"] for one in closed.json()["checks"]} == {
        "over": "passed",
        "control_totals": "noted",
        "silent_days": "passed",
        "ledger_budgets": "passed",
        "ledger_events": "passed",
        "outliers": "noted",
        "lanes": "passed",
    }
    again = await close(service)
    assert (again.status_code, again.json()["code"]) == (409, "already_closed")
    acts = await service.db.fetch("SELECT act, reason FROM operator_act")
    assert [tuple(act) for act in acts] == [("close", "2026-01.1: -")]

    file = (await service.get(f"/v1/editions/{MONTH}/file")).content
    signed = unsealed(file)
    assert editions.sha256(signed.text) == closed.json()["sha256"]
    said = editions.read(signed.text)
    assert said.totals["enrolled", "32"] == 74
    assert said.totals["enrolled", "nation"] == 99
    assert said.as_of["learners", "nation"] == 99
    assert said.head["positions"] == {E: {"32": 107, "33": 57}}
    assert b"k1." not in file
    cells = (await service.get(f"/v1/editions/{MONTH}/cells", "official")).content
    assert editions.sha256(cells) == said.head["cells"]["sha256"]
    assert editions.totals_of(editions.cells_from(cells)) == said.totals

    for statement in (
        "UPDATE edition SET reason = 'x'",
        "DELETE FROM edition",
        "TRUNCATE edition",
        "UPDATE look_up SET what = 'x'",
        "DELETE FROM look_up",
        "TRUNCATE look_up",
    ):
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await service.db.execute(statement)
    await proven_by_command(service, file, cells, tmp_path, monkeypatch)


async def proven_by_command(
    service: Running, file: bytes, cells: bytes, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    as_operator(service, folder, monkeypatch)
    genuine, changed, held = folder / "edition.jsonl", folder / "changed.jsonl", folder / "cells.jsonl"
    genuine.write_bytes(file)
    held.write_bytes(cells)
    changed.write_bytes(file.replace(b'["enrolled","32",74]', b'["enrolled","32",75]'))
    assert changed.read_bytes() != file
    key = folder / "key"
    key.write_text((await service.get("/v1/editions/key")).json()["public_key"])
    said = await command("editions", "verify", str(genuine), "--cells", str(held))
    assert said[0] == 0, said[1]
    assert "Genuine: edition 2026-01.1" in said[1]
    assert (await command("editions", "verify", str(genuine), "--key", str(key)))[0] == 0
    assert (await command("editions", "verify", str(changed), "--key", str(key)))[0] == 1
    held.write_bytes(cells + b"[]\n")
    assert (await command("editions", "verify", str(genuine), "--cells", str(held)))[0] == 1
    key.write_text("A" * 43 + "=")
    assert (await command("editions", "verify", str(genuine), "--key", str(key)))[0] == 1
    for words in (("editions", "list"), ("editions", "show", "2026-01"), ("close", "2026-01", "--dry-run")):
        code, output = await command(*words)
        assert code == 0, output
        assert "2026-01" in output


async def test_a_failing_check_refuses_unless_a_reason_is_given_which_is_published(
    country: tuple[Running, Country],
) -> None:
    service, made = country
    measured = {
        "since": "2026-01-01",
        "until": "2026-01-31",
        "event_types": [provinces.WORKER_ENROLLED],
        "declared": 26,
        "received": 25,
        "difference": -1,
        "silent_days": 0,
        "silent_on": [],
    }
    sent = len(made.publisher.published)
    made.publisher.publish(E, "33", enrollment.COMPLETENESS_MEASURED, measured)
    made.month_is_over()
    sent = await fed(service, made, sent)
    refused = await close(service)
    assert (refused.status_code, refused.json()["code"]) == (409, "checks_failed")
    assert "Zhejiang declared 26, accepted 25" in refused.json()["message_en"]
    assert "浙江申报 26，采用 25" in refused.json()["message_zh"]
    checked = (await service.get(f"/v1/editions/{MONTH}/checks", "auditor")).json()
    assert {one["code"] for one in checked["checks"] if one["outcome"] == "failed"} == {"control_totals"}
    assert checked["closed"] is None
    assert (await close(service, reason=WHY)).status_code == 201
    head = (await service.get("/v1/editions/2026-01.1")).json()["head"]
    assert (head["overridden"], head["reason"]) == (True, WHY)
    page = (await service.get(f"/bulletin/{MONTH}", lang="en")).text
    assert WHY in page

    made.publisher.publish(
        E, "33", enrollment.COMPLETENESS_MEASURED, {**measured, "received": 26, "difference": 0}
    )
    await fed(service, made, sent)
    checked = (await service.get(f"/v1/editions/{MONTH}/checks", "auditor")).json()
    assert {one["outcome"] for one in checked["checks"]} == {"passed", "noted"}


async def test_a_restatement_says_what_changed_and_shows_nothing_that_was_hidden(
    country: tuple[Running, Country],
) -> None:
    service, made = country
    sent = len(made.publisher.published)
    made.establish("33", "2025-12-01", "2026-01-10")
    made.month_is_over()
    sent = await fed(service, made, sent)
    assert (await close(service, restate=True, reason=WHY)).json()["code"] == "not_closed"
    assert (await close(service)).status_code == 201
    first = {code: await table(service, code, "2026-01.1") for code in TABLES}
    assert first["enrolled_by_track"]["33", "skills"] is None
    assert first["enrolled_by_track"]["32", "academic"] is None, "it would tell what is hidden in 33"
    assert first["enrolled_by_track"]["33", "academic"] == 20
    assert first["enrolled_by_track"]["32", "total"] == 74
    assert (await close(service, restate=True)).json()["code"] == "reason_needed"
    unchanged = await close(service, restate=True, reason=WHY)
    assert (unchanged.status_code, unchanged.json()["code"]) == (409, "nothing_changed")

    made.enroll("33", ("migrant",), "skills", 14)
    made.void("32-1", "32")
    made.enroll("32", ("migrant",), "academic", 3, start="2026-02-02")
    made.establish("33", "2025-12-02", "2026-02-02")
    sent = await fed(service, made, sent)
    pending = (await service.get(f"/v1/editions/{MONTH}/pending", "auditor")).json()
    assert pending["edition"] == "2026-01.1"
    by_key = {
        (one["cube"], *one["dimensions"].values(), one["measure"]): (
            one["before"],
            one["after"],
            one["events"],
        )
        for one in pending["cells"]
    }
    assert by_key["study", "33", MONTH, "any", "skills", "enrolled"] == (4, 18, 14)
    assert by_key["study", "32", MONTH, "migrant", "academic", "enrolled"] == (34, 33, 1)
    assert len(pending["events"]) == 15
    assert {one["type"] for one in pending["events"] if one["lane"] == "32"} == {provinces.EVENT_VOIDED}
    assert {"measure": "enrolled", "lane": "33", "before": 25, "after": 39, "events": 14} in pending["totals"]
    assert "k1." not in json.dumps(pending)
    await of_its_own_province(service, pending)

    made_again = await close(service, restate=True, reason="Zhejiang sent a list late")
    assert made_again.status_code == 201, made_again.text
    assert made_again.json()["edition"] == "2026-01.2"
    for code in TABLES:
        second = await table(service, code, "2026-01")
        assert {place for place, value in first[code].items() if value is None} <= {
            place for place, value in second.items() if value is None
        }, code
        assert await table(service, code, "2026-01.1") == first[code], code
    changes = (await service.get("/v1/editions/2026-01.2/changes", "official")).json()
    assert (changes["cells"], changes["events"]) == (pending["cells"], pending["events"])
    public = (await service.get("/v1/editions/2026-01.2")).json()
    assert public["head"]["restates"]["edition"] == "2026-01.1"
    assert {"measure": "enrolled", "lane": "33", "before": 25, "after": 39, "events": 14} in public["changed"]
    assert (await service.get(f"/v1/editions/{MONTH}/pending", "official")).json()["cells"] == []
    looked = await service.db.fetch("SELECT what FROM look_up ORDER BY n")
    assert [row["what"] for row in looked] == ["events_behind_a_restatement"] * 4
    await answers_of_editions(service)
    listed = (await service.get("/v1/editions")).json()
    assert [one["edition"] for one in listed] == ["2026-01.2", "2026-01.1"]
    year = await close(service, period="2026")
    assert (year.status_code, year.json()["code"]) == (409, "months_open")


async def of_its_own_province(service: Running, whole: dict[str, Any]) -> None:
    """Who works for Zhejiang sees what changes in Zhejiang, and no other province's cells."""
    office = service.official_of("33")
    own = (await service.client.get(f"/v1/editions/{MONTH}/pending", headers=office)).json()
    assert own["cells"] == [cell for cell in whole["cells"] if cell["dimensions"]["lane"] == "33"]
    assert own["events"] == [event for event in whole["events"] if event["lane"] == "33"]
    assert own["totals"] == [total for total in whole["totals"] if total["lane"] == "33"]
    assert 0 < len(own["cells"]) < len(whole["cells"])
    refused = await service.client.get(f"/v1/editions/{MONTH}/cells", headers=office)
    assert (refused.status_code, refused.json()["code"]) == (403, "whole_nation")
    asked = f"/v1/cells?cube=study&measure=enrolled&dim=lane&edition={MONTH}"
    found = (await service.client.get(asked, headers=office)).json()
    assert {cell["lane"]: cell["total"] for cell in found["cells"]} == {"33": 25}
    other = await service.client.get(f"{asked}&lane=32", headers=office)
    assert (other.status_code, other.json()["code"]) == (403, "other_province")
    tag = (await service.client.get(asked, headers=office)).headers["etag"]
    nation = service.token("official") | {"If-None-Match": tag}
    assert (await service.client.get(asked, headers=nation)).status_code == 200, "another sees something else"


async def answers_of_editions(service: Running) -> None:
    """Each edition answers with its own numbers, to the cell, whatever the live ones say now."""
    asked: dict[str, Any] = {"cube": "study", "measure": "enrolled", "dim": ["lane", "track"]}
    live = (await service.get("/v1/cells", "official", **asked, as_of=MONTH)).json()
    answers = {
        number: (await service.get("/v1/cells", "official", **asked, edition=f"{MONTH}.{number}")).json()
        for number in (1, 2)
    }
    assert [answers[number]["edition"] for number in (1, 2)] == ["2026-01.1", "2026-01.2"]
    assert answers[2]["cells"] == live["cells"]
    assert live["edition"] is None
    by_track = {(cell["lane"], cell["track"]): cell["total"] for cell in answers[1]["cells"]}
    assert by_track == {
        ("32", "academic"): 34,
        ("32", "skills"): 23,
        ("32", "combined"): 17,
        ("33", "academic"): 21,
        ("33", "skills"): 4,
    }
    pages: list[dict[str, Any]] = []
    after: dict[str, Any] = {}
    while True:
        more = {**asked, "edition": f"{MONTH}.1", "limit": 2, **after}
        page = (await service.get("/v1/cells", "official", **more)).json()
        pages += page["cells"]
        if page["next"] is None:
            break
        after = {"after": page["next"]}
    assert pages == answers[1]["cells"]
    migrants = {"cube": "study", "dim": "lane", "measure": "enrolled", "category": "migrant"}
    found = (await service.get("/v1/cells", "official", **migrants, lane="33", edition=f"{MONTH}.1")).json()
    assert [cell["total"] for cell in found["cells"]] == [25]
    days = {"cube": "records", "measure": "accepted", "lane": "32", "dim": "day", "since": "2026-01-30"}
    found = (await service.get("/v1/cells", "official", **days, edition=f"{MONTH}.1")).json()
    assert [cell["day"] for cell in found["cells"]] == ["2026-01-30", "2026-01-31"]

    totals = {
        edition: (
            await service.get("/v1/totals", measure=["enrolled", "learners", "completed"], edition=edition)
        )
        for edition in (f"{MONTH}.1", MONTH)
    }
    first, newest = (answer.json() for answer in totals.values())
    assert (first["edition"], newest["edition"]) == ("2026-01.1", "2026-01.2")
    assert first["nation"] == {"enrolled": 99, "learners": 99, "completed": 0}
    assert newest["nation"] == {"enrolled": 112, "learners": 112, "completed": 0}
    assert first["lanes"] == {
        "32": {"enrolled": 74, "learners": 74},
        "33": {"enrolled": 25, "learners": 25},
    }
    again = await service.client.get(
        totals[MONTH].url, headers={"If-None-Match": totals[MONTH].headers["etag"]}
    )
    assert again.status_code == 304, "the newest edition is the same, whatever facts come"
    for lane, values in ((None, {"enrolled": 99}), ("33", {"enrolled": 25})):
        where = {"lane": lane} if lane else {}
        series = (await service.get("/v1/series", measure="enrolled", edition=f"{MONTH}.1", **where)).json()
        assert series["points"] == [{"period": MONTH, "values": values}]
    await targets_of_editions(service)
    for path, status, code in (
        ("/v1/targets?edition=2026-01.9", 404, "not_closed"),
        ("/v1/targets?edition=2026-01.1&as_of=2026-01-31", 422, "edition_is_a_moment"),
        ("/v1/targets?edition=2026-01.1&known_on=2026-02-03", 422, "edition_is_a_moment"),
        ("/v1/totals?measure=enrolled&edition=2026-01.9", 404, "not_closed"),
        ("/v1/totals?measure=enrolled&edition=2026-01.1&as_of=2026-01", 422, "edition_is_a_moment"),
        ("/v1/totals?measure=arrived&edition=2026-01.1", 422, "not_in_edition"),
        ("/v1/totals?measure=projects_since_2025&edition=2026-01.1", 422, "not_in_edition"),
        ("/v1/series?measure=learners&edition=2026-01.1", 422, "not_in_edition"),
        ("/v1/series?by=minute&edition=2026-01.1", 422, "edition_is_a_moment"),
        ("/v1/cells?cube=money&edition=2026-01.1", 422, "not_in_edition"),
        ("/v1/cells?cube=study&edition=2026-01.1&known_on=2026-02-01", 422, "edition_is_a_moment"),
        ("/v1/cells?cube=study&edition=2025-12", 404, "not_closed"),
    ):
        answer = await service.client.get(path, headers=service.token("official"))
        assert (answer.status_code, answer.json()["code"]) == (status, code), path
        assert re.search(r"[\u4e00-\u9fff]", answer.json()["detail"])
    assert (await service.get("/v1/cells", **asked, edition=MONTH)).status_code == 401


async def targets_of_editions(service: Running) -> None:
    """The nation's targets as each edition was signed: neither what was told later, nor what came after its period."""
    live = (await service.get("/v1/targets")).json()
    then = (await service.get("/v1/targets", as_of="2026-01-31")).json()
    answers = {n: await service.get("/v1/targets", edition=f"{MONTH}.{n}") for n in (1, 2)}
    for n, projects in ((1, 2), (2, 3)):
        told = answers[n].json()
        assert (told["edition"], told["as_of"], told["known_on"]) == (
            f"2026-01.{n}",
            "2026-01-31",
            "2026-02-03",
        )
        assert told.keys() == {"as_of", "known_on", "edition", "simulated", "targets"}
        signed = (await service.get(f"/v1/editions/{MONTH}.{n}")).json()["targets"]
        assert [one["progress"] for one in told["targets"]] == signed
        by_code = {one["code"]: one["progress"]["value"] for one in told["targets"]}
        assert by_code == {"funded": 0, "funded_migrant": 0, "projects": projects}
    now = {one["code"]: one["progress"] for one in then["targets"]}
    for one in answers[2].json()["targets"]:
        assert now[one["code"]] | {"measure": one["progress"]["measure"]} == one["progress"]
    assert {one["code"]: one["progress"]["value"] for one in live["targets"]}["projects"] == 4
    assert live["edition"] is None
    for n, status in ((1, 304), (2, 200)):
        known = {"If-None-Match": answers[1].headers["etag"]}
        again = await service.client.get(f"/v1/targets?edition={MONTH}.{n}", headers=known)
        assert again.status_code == status


async def test_a_years_edition_answers_month_by_month_out_of_the_months_it_was_closed_from(
    reporting: Running,
) -> None:
    names = [Name(month, 1) for month in editions.months_of("2025")]
    for place, name in enumerate(names, 1):
        await kept(reporting, name, {("enrolled", "nation"): place, ("enrolled", "32"): place - 1})
    restated = Name("2025-03", 2)
    await kept(reporting, restated, {("enrolled", "nation"): 1_000})
    await kept(reporting, Name("2025", 1), {("enrolled", "nation"): 78}, names)
    series = (await reporting.get("/v1/series", measure="enrolled", edition="2025")).json()
    assert series["edition"] == "2025.1"
    assert series["points"] == [
        {"period": name.period, "values": {"enrolled": place}} for place, name in enumerate(names, 1)
    ], "of the months as they were then, whatever was restated since"
    of_one = (await reporting.get("/v1/series", measure="enrolled", edition="2025", lane="32")).json()
    assert len(of_one["points"]) == 12
    refused = await reporting.get("/v1/cells", "official", cube="study", edition="2025")
    assert refused.json()["code"] == "not_in_edition"
    assert "places, bodies, money" in refused.json()["detail"]


async def kept(
    service: Running, name: Name, totals: dict[tuple[str, str], int], months: Sequence[Name] = ()
) -> None:
    """An edition of which only the totals matter."""
    head = {
        "period": name.period,
        "number": name.number,
        "simulated": True,
        "months": [{"edition": str(one), "sha256": "0" * 64} for one in months],
    }
    text = editions.document(head, editions.Content(totals, {}, [], {}))
    edition = edition_store.Kept(
        name,
        datetime(2026, 2, 1, tzinfo=UTC),
        "operator",
        None,
        text,
        editions.sha256(text),
        b"",
        b"",
        b"[]\n",
    )
    assert await edition_store.keep(service.db, edition)


async def test_tables_are_a_fixed_list_that_everybody_may_take_away(country: tuple[Running, Country]) -> None:
    service, made = country
    missing = await service.get("/v1/tables/enrolled_by_track")
    assert (missing.status_code, missing.json()["code"]) == (404, "not_closed")
    sent = len(made.publisher.published)
    made.month_is_over()
    await fed(service, made, sent)
    assert (await close(service)).status_code == 201
    assert [one["code"] for one in (await service.get("/v1/tables")).json()] == list(TABLES)
    for code, described in TABLES.items():
        shown = (await service.get(f"/v1/tables/{code}")).json()
        assert shown["rule"] == {"k": RULE.k, "base": RULE.base}
        for cell in shown["cells"]:
            assert cell["conf_status"] == ("C" if cell["value"] is None else "F")
            known = described.totals_known or cell["row"] == "total"
            public = described.open or (cell["column"] == "total" and known)
            assert public or cell["value"] is None or cell["value"] >= RULE.k
        text = (await service.get(f"/v1/tables/{code}", format="csv")).text
        assert len(text.splitlines()) == len(shown["cells"]) + 1
        book = await service.get(f"/v1/tables/{code}", format="xlsx")
        assert book.content[:2] == b"PK"
    same = await service.get("/v1/tables/enrolled_by_track")
    known = {"If-None-Match": same.headers["etag"]}
    assert (await service.client.get("/v1/tables/enrolled_by_track", headers=known)).status_code == 304
    assert (await service.client.get("/v1/tables/enrolled_by_origin", headers=known)).status_code == 200
    filtered = await service.get("/v1/tables/enrolled_by_track?lane=32")
    assert filtered.status_code == 422
    assert (await service.get("/v1/tables/other")).status_code == 422
    assert (await service.get("/v1/tables/enrolled_by_track", edition="2025-12")).status_code == 404
    assert (await service.get(f"/v1/editions/{MONTH}/cells")).status_code == 401
    for language, title in (("zh", "求学圆梦行动统计月报"), ("en", "Study for Dreams: monthly bulletin")):
        page = await service.get(f"/bulletin/{MONTH}", lang=language)
        assert page.status_code == 200
        assert title in page.text
        assert "default-src 'none'" in page.headers["content-security-policy"]
        assert re.findall(r'(?:src|href)="(?:https?:)?//', page.text) == []


@pytest.mark.browser
@pytest.mark.skipif(not CHROMIUM.exists(), reason="no Chromium: apt-get install chromium")
async def test_the_bulletin_fits_paper_and_screen_and_hinders_nobody(
    country: tuple[Running, Country],
) -> None:
    service, made = country
    sent = len(made.publisher.published)
    made.month_is_over()
    await fed(service, made, sent)
    assert (await close(service)).status_code == 201
    asked: list[str] = []
    said: list[str] = []
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=QUIET)
        for lang, width in (("zh", 900), ("en", 390)):
            page = await browser.new_page(viewport={"width": width, "height": 900})
            page.on("request", lambda request: asked.append(request.url))
            page.on("console", lambda one: said.append(one.text) if one.type == "error" else None)
            await page.goto(f"{service.url}/bulletin/{MONTH}?lang={lang}")
            assert await page.evaluate("document.documentElement.scrollWidth <= innerWidth")
            assert await page.evaluate("document.styleSheets.length") == 1
            assert all(url.startswith(service.url) for url in asked)
            assert await hindrances(page) == []
            assert said == []
            paper = await page.pdf(prefer_css_page_size=True)
            assert b"/MediaBox [0 0 594.95" in paper or b"/MediaBox [0 0 595" in paper, (
                "A4 is 595 points wide"
            )
            await page.close()
        await browser.close()


def as_operator(service: Running, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    token = folder / "token"
    token.write_text(plain_token(service.secrets, "operator"))
    monkeypatch.setenv("DREAMS_API_REPORTING", service.url)
    monkeypatch.setenv("DREAMS_API_TOKEN_FILE", str(token))


async def command(*words: str) -> tuple[int, str]:
    done = await asyncio.to_thread(CliRunner().invoke, app, list(words))
    return done.exit_code, done.output
