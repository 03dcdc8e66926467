"""Promises of a closed year on a running service: it is what its months say, and it waits for each of them."""

import json
from collections import Counter
from datetime import UTC, datetime
from typing import Any

from services.reporting.domain import editions
from shared.contracts import enrollment, subsidy
from tests.reporting.conftest import Running
from tests.reporting.facts import E, S, award, worker
from tests.reporting.test_editions import Country, close, fed

YEAR = "2026"
MONTHS = editions.months_of(YEAR)
Totals = Counter[tuple[str, str]]
"""(measure, lane or `nation`) → total."""


class Living:
    """A country that lives through a year on a service, and is closed month by month."""

    def __init__(self, service: Running) -> None:
        self.service = service
        self.country = Country()
        self._sent = 0

    async def tell(self) -> None:
        """Let the service take in what was published."""
        self._sent = await fed(self.service, self.country, self._sent)

    async def live_through(self, number: int) -> None:
        """A month in which two provinces enroll and one grants; then it is over."""
        country, start = self.country, f"{MONTHS[number - 1]}-12"
        country.publisher.clock = max(country.publisher.clock, datetime(2026, number, 5, 1, 0, tzinfo=UTC))
        country.enroll("32", ("migrant",), "academic", 20 + number, start=start)
        country.enroll("33", ("industrial",), "skills", 15 + number % 3, start=start)
        no = f"32-granted-{number}"
        country.publisher.publish(
            S, "32", subsidy.SUBSIDY_GRANTED, award(no, ("migrant",)), subject=worker(9_000 + number)
        )
        next_month = datetime(2026 + number // 12, number % 12 + 1, 3, 1, 0, tzinfo=UTC)
        country.publisher.clock = next_month
        day = {"day": next_month.date().isoformat(), "log_head": "0" * 64}
        country.publisher.publish(E, "32", enrollment.DAY_BEGAN, day)
        await self.tell()

    async def close(self, period: str, **order: Any) -> str:
        """The code of a refusal, or the name of the edition that was made."""
        answer = (await close(self.service, period=period, **order)).json()
        return str(answer.get("edition") or answer["code"])

    async def said(self, edition: str) -> dict[str, Any]:
        """What an edition says."""
        answer = await self.service.get(f"/v1/editions/{edition}")
        assert answer.status_code == 200, answer.text
        return dict(answer.json())


def totals_of(*said: dict[str, Any]) -> Totals:
    found: Totals = Counter()
    for one in said:
        for total in one["totals"]:
            found[total["measure"], total["lane"]] += total["value"]
    return found


def one_of(country: Country, lane: str, month: str) -> str:
    """The number of an enrollment that began in a month."""
    facts = (json.loads(raw) for _, raw in country.publisher.published)
    return next(
        str(fact["data"]["enrollment_no"])
        for fact in facts
        if fact["lane"] == lane and fact["data"].get("start", "").startswith(month)
    )


async def test_a_year_is_what_its_months_say_and_waits_for_each_of_them(reporting: Running) -> None:
    living = Living(reporting)
    country = living.country
    for number, month in enumerate(MONTHS, 1):
        await living.live_through(number)
        assert await living.close(month) == f"{month}.1"
        if number == 5:
            await corrected_in_between(living)
    refused = await close(reporting, period=YEAR, reason="January is small")
    assert (refused.status_code, refused.json()["code"]) == (409, "months_changed"), "no reason helps"
    assert "restate them first: 2026-01." in refused.json()["message_en"]
    assert await living.close("2026-01", restate=True, reason="one was enrolled twice") == "2026-01.2"
    assert await living.close(YEAR) == "2026.1"
    await is_the_sum_of_its_months(living, f"{YEAR}.1", {"2026-01": 2, "2026-04": 2})

    first = await living.said(f"{YEAR}.1")
    country.void(one_of(country, "33", "2026-05"), "33")
    await living.tell()
    again = {"restate": True, "reason": "one of May was enrolled twice"}
    assert await living.close(YEAR, **again) == "months_changed"
    assert await living.said(YEAR) == first
    assert await living.close("2026-05", **again) == "2026-05.2"
    assert await living.close(YEAR, **again) == "2026.2"
    await is_the_sum_of_its_months(living, f"{YEAR}.2", {"2026-01": 2, "2026-04": 2, "2026-05": 2})
    assert await living.said(f"{YEAR}.1") == first
    second = await living.said(YEAR)
    await shows_no_more_than_its_months(reporting, second["tables"])
    fewer = totals_of(first)
    fewer.subtract(totals_of(second))
    assert {key: number for key, number in fewer.items() if number} == {
        ("enrolled", "33"): 1,
        ("enrolled", "nation"): 1,
    }


async def corrected_in_between(living: Living) -> None:
    """April is restated at once; what changes in January waits until the year is to be closed."""
    country = living.country
    open_yet = await close(living.service, period=YEAR)
    assert (open_yet.status_code, open_yet.json()["code"]) == (409, "months_open")
    assert f"still open: {', '.join(MONTHS[5:])}." in open_yet.json()["message_en"]
    country.void("32-1", "32")
    country.enroll("33", ("industrial",), "skills", 14, start="2026-04-20")
    await living.tell()
    assert await living.close("2026-04", restate=True, reason="33 sent a list late") == "2026-04.2"
    changed = (await living.said("2026-04"))["changed"]
    assert {"measure": "enrolled", "lane": "33", "before": 16, "after": 30, "events": 14} in changed


async def is_the_sum_of_its_months(living: Living, edition: str, restated: dict[str, int]) -> None:
    """Totals, tables and series of the year are its months' last editions, and its cells and persons agree."""
    service = living.service
    year = await living.said(edition)
    months = {month: await living.said(month) for month in MONTHS}
    assert year["head"]["months"] == [
        {"edition": f"{month}.{restated.get(month, 1)}", "sha256": months[month]["sha256"]}
        for month in MONTHS
    ]
    totals = totals_of(year)
    assert totals == totals_of(*months.values())
    assert totals["granted_fen", "32"] == 12 * 100_000
    points = (await service.get("/v1/series", measure="enrolled", edition=edition)).json()["points"]
    assert [(point["period"], point["values"]["enrolled"]) for point in points] == [
        (month, totals_of(months[month])["enrolled", "nation"]) for month in MONTHS
    ]
    places = {"cube": "places", "measure": "enrolled", "dim": "lane", "edition": edition}
    cells = (await service.get("/v1/cells", "official", **places)).json()["cells"]
    assert {cell["lane"]: cell["total"] for cell in cells} == {
        lane: totals["enrolled", lane] for lane in ("32", "33")
    }
    learners = {one["lane"]: one["value"] for one in year["as_of"] if one["measure"] == "learners"}
    assert learners["nation"] == totals["enrolled", "nation"], "each has enrolled once"


async def shows_no_more_than_its_months(service: Running, codes: list[str]) -> None:
    """Each cell of the year's tables is the sum of what the months show, and hidden where one of them hides it."""
    shown = {month: await tables(service, month, codes) for month in MONTHS}
    year = await tables(service, YEAR, codes)
    for place, value in year.items():
        of_months = [shown[month][place] for month in MONTHS]
        assert value == (None if None in of_months else sum(number or 0 for number in of_months)), place
    assert None in year.values()
    assert any(year.values())


async def tables(service: Running, edition: str, codes: list[str]) -> dict[tuple[str, str, str], int | None]:
    """All cells of some public tables."""
    found = {}
    for code in codes:
        for cell in (await service.get(f"/v1/tables/{code}", edition=edition)).json()["cells"]:
            found[code, cell["row"], cell["column"]] = cell["value"]
    return found
