"""Promises of a rebuild: beside what is read, level with what comes meanwhile, and to the byte the same."""

import asyncio
from pathlib import Path

import pytest
from typer.testing import CliRunner

from console.main import app
from console.stack.tokens import plain_token
from services.reporting import consumers, store
from services.reporting.api.rebuilding import Rebuild
from tests.reporting.conftest import DEADLINE_S, HISTORY, Running
from tests.reporting.facts import Programme

LANES = ("32", "33", "50")
WHY = {"reason": "a measure is new"}


async def rebuilt(service: Running) -> dict[str, object]:
    """Wait until the rebuild that was asked for has ended."""
    async with asyncio.timeout(DEADLINE_S):
        while True:
            shown: dict[str, object] = (await service.get("/v1/rebuild", "auditor")).json()
            if shown["state"] != "reading":
                return shown
            await asyncio.sleep(0.05)


async def test_a_rebuild_gives_the_same_tables_while_facts_come_and_mends_what_was_wrong(
    reporting: Running,
) -> None:
    published = Programme(31, LANES).play(900).published
    await reporting.feed(published[:500])
    await reporting.until(500)
    right = await store.canonical_dump(reporting.db)
    headers = reporting.token("operator")
    begun = await reporting.client.post("/v1/rebuild", json=WHY, headers=headers)
    assert begun.status_code == 202
    await reporting.feed(published[500:])
    shown = await rebuilt(reporting)
    assert (shown["state"], shown["differences"]) == ("switched", 0)
    await reporting.until(len(published))
    whole = await store.canonical_dump(reporting.db)
    assert whole != right

    await reporting.db.execute(
        "UPDATE standing SET total = total + 1 WHERE measure = 'enrolled' AND lane = '32'"
    )
    await reporting.db.execute("DELETE FROM person")
    await reporting.db.execute("DELETE FROM delta")
    await reporting.db.execute("DELETE FROM cell")
    assert await store.canonical_dump(reporting.db) != whole
    assert (await reporting.client.post("/v1/rebuild", json=WHY, headers=headers)).status_code == 202
    shown = await rebuilt(reporting)
    assert (shown["state"], shown["differences"], shown["facts"]) == ("switched", 1, len(published))
    assert await store.canonical_dump(reporting.db) == whole

    later = Programme(31, LANES).play(1_000).published[len(published) :]
    await reporting.feed(later)
    await reporting.until(len(published) + len(later))
    nation = (await reporting.get("/v1/nation")).json()
    totals = (await reporting.get("/v1/totals", measure="enrolled")).json()
    assert totals["nation"]["enrolled"] == nation["measures"]["enrolled"] > 0


def test_there_is_one_rebuild_at_a_time() -> None:
    rebuild = Rebuild(consumers.facts)
    assert rebuild.ask()
    assert not rebuild.ask()


async def test_the_command_says_how_many_facts_were_counted_anew(
    told: Running, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    token = tmp_path / "token"
    token.write_text(plain_token(told.secrets, "operator"))
    monkeypatch.setenv("DREAMS_API_REPORTING", told.url)
    monkeypatch.setenv("DREAMS_API_TOKEN_FILE", str(token))
    before = (await told.get("/v1/digest", "auditor")).json()
    asked = ["rebuild", "reporting", "--reason", "a measure is new"]
    done = await asyncio.to_thread(CliRunner().invoke, app, asked)
    assert done.exit_code == 0, done.output
    assert f"{len(HISTORY.published):,} facts were counted anew; 0 sums differ" in done.output
    assert (await told.get("/v1/digest", "auditor")).json() == before


async def test_only_an_operator_may_rebuild_and_the_reason_is_kept(reporting: Running) -> None:
    for office, status in (("official", 403), ("auditor", 403)):
        answer = await reporting.client.post("/v1/rebuild", json=WHY, headers=reporting.token(office))
        assert answer.status_code == status
    wrong = await reporting.client.post("/v1/rebuild", json={}, headers=reporting.token("operator"))
    assert wrong.status_code == 422
    assert (await reporting.get("/v1/rebuild", "auditor")).json()["state"] == "none"
    await reporting.client.post("/v1/rebuild", json=WHY, headers=reporting.token("operator"))
    assert (await rebuilt(reporting))["state"] == "switched"
    acts = await reporting.db.fetch("SELECT act, reason FROM operator_act")
    assert [(act["act"], act["reason"]) for act in acts] == [("rebuild", "a measure is new")]
