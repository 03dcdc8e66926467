"""Promises of the live page, kept in a real browser: it follows facts, speaks two languages, fits and owns up."""

import asyncio
import itertools
import json
import re
import secrets
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final, Literal

import pytest
from axe_playwright_python.async_playwright import Axe
from playwright.async_api import Browser, Locator, Page, Route, async_playwright, expect

from console.stack.infrastructure import Infrastructure
from services.reporting import sums_store
from services.reporting.config import TARGETS
from services.reporting.domain.measures import MEASURES
from shared.contracts import enrollment, provinces, subsidy
from shared.contracts.lanes import LANE_CODES, NATION
from tests.reporting.conftest import HISTORY, Running, running
from tests.reporting.facts import BEGAN, E, Programme, Publisher, S, award, registered, worker

CHROMIUM: Final = Path("/usr/bin/chromium")
WIDTHS: Final = (1440, 390)
SLOW_ANSWER_S: Final = 2.0
NEWS_EVERY_S: Final = 0.1
MANY: Final = 12_345
"""What the crowded page's numbers are multiplied by: persons in their millions, money in hundreds of billions."""
LONG_EN: Final = (
    "Workers of the Xinjiang Production and Construction Corps and of its subordinate enterprises who"
)
LONG_ZH: Final = "新疆生产建设兵团及其所属各企业事业单位的一线职工和农民工中"
QUIET: Final = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
]
pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(not CHROMIUM.exists(), reason="no Chromium: apt-get install chromium"),
]
Scheme = Literal["light", "dark"]
SCHEMES: Final[tuple[Scheme, ...]] = ("light", "dark")


@pytest.fixture(scope="module")
async def browser() -> AsyncIterator[Browser]:
    async with async_playwright() as playwright:
        started = await playwright.chromium.launch(executable_path=CHROMIUM, args=QUIET)
        yield started
        await started.close()


@pytest.fixture(scope="module")
async def crowded(
    infrastructure: Infrastructure, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Running]:
    """A service in which every lane has numbers, large ones, and targets have names as long as offices like them."""
    namespace, folder = f"t{secrets.token_hex(3)}.", tmp_path_factory.mktemp("crowded")
    published = Programme(3, [code for code in LANE_CODES if code != NATION]).play(2_400).published
    async with running(infrastructure, namespace, folder, targets_file=with_long_names(folder)) as service:
        await service.feed(published)
        await service.until(len(published))
        while await service.db.fetchval("SELECT count(*) FROM delta"):
            await sums_store.sum_up(service.db)
        await service.db.execute("UPDATE standing SET total = total * $1", MANY)
        for table in ("cell", "total", "lane_sum"):
            await service.db.execute(f"UPDATE {table} SET delta = delta * $1", MANY)  # noqa: S608 - our own names
        yield service
    await infrastructure.drop_namespace(namespace)


def with_long_names(folder: Path) -> Path:
    """The targets, each under a name of a hundred letters."""
    text = re.sub(r"^    zh: ", f"    zh: {LONG_ZH}", TARGETS.read_text(), flags=re.MULTILINE)
    text = re.sub(r'^    en: "?([^"\n]*)"?', rf'    en: "{LONG_EN}: \1"', text, flags=re.MULTILINE)
    path = folder / "long.yaml"
    path.write_text(text)
    return path


@pytest.fixture
async def errors() -> list[str]:
    """What the page complained about; empty at the end of every test that looks."""
    return []


async def opened(
    browser: Browser,
    service: Running,
    errors: list[str],
    query: str = "?lang=en",
    width: int = 1440,
    scheme: Scheme = "light",
) -> Page:
    page = await browser.new_page(viewport={"width": width, "height": 900}, color_scheme=scheme)
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.on("console", lambda said: errors.append(said.text) if said.type == "error" else None)
    await page.goto(f"{service.url}/{query}")
    await expect(page.locator("#status")).to_have_attribute("data-kind", "live")
    return page


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("lang", ["zh", "en"])
async def test_it_fits_every_width_in_both_languages_and_schemes(
    browser: Browser, crowded: Running, errors: list[str], width: int, lang: str
) -> None:
    page = await opened(browser, crowded, errors, f"?lang={lang}", width)
    assert await page.evaluate("document.documentElement.lang") == {"zh": "zh-CN", "en": "en"}[lang]
    await expect(page.locator(".chart")).to_have_count(3)
    await expect(page.locator("#bullets-others .bullet")).to_have_count(3)
    await expect(page.locator(".multiple")).to_have_count(32)
    assert await overflowing(page) == []
    await page.evaluate("document.querySelectorAll('details').forEach((one) => { one.open = true; })")
    await page.locator("#measure").select_option("planned_fen")
    await page.locator('.tile[data-lane="66"]').click()  # the longest name there is
    await expect(page.locator(".multiple").first.locator(".num")).to_contain_text(re.compile("bn|亿"))
    for scheme in SCHEMES:
        await page.emulate_media(color_scheme=scheme)
        assert await overflowing(page) == []
        assert await hindrances(page) == []
    assert errors == []
    await page.close()


async def overflowing(page: Page) -> list[str]:
    """What stands beyond the window or its tile; what scrolls by itself may be wide."""
    found = await page.evaluate(
        """() => [...document.querySelectorAll('body *')].filter((one) => {
            if (one.closest('.rows, svg, .skip, option')) return false;
            const box = one.getBoundingClientRect(), tile = one.closest('.tile')?.getBoundingClientRect();
            return box.width > 0 && (box.right > innerWidth + 1 || (tile && box.right > tile.right + 8));
        }).map((one) => one.outerHTML.slice(0, 120))"""
    )
    assert await page.evaluate("document.documentElement.scrollWidth <= innerWidth"), found
    return list(found)


@pytest.mark.parametrize("lang", ["zh", "en"])
@pytest.mark.parametrize("query", ["", "#lane=66&measure=planned_fen"])
async def test_on_paper_it_is_two_pages_of_a4_without_controls_whatever_the_window(
    browser: Browser, crowded: Running, errors: list[str], lang: str, query: str
) -> None:
    page = await opened(browser, crowded, errors, f"?lang={lang}{query}", width=390, scheme="dark")
    await expect(page.locator(".multiple")).to_have_count(32)
    pdf = await page.pdf(prefer_css_page_size=True)
    assert len(re.findall(rb"/Type\s*/Page\b", pdf)) == 2
    assert re.search(rb"/MediaBox\s*\[0 0 59[45][.\d]* 84[12][.\d]*\]", pdf)
    await page.emulate_media(media="print")
    await page.evaluate("dispatchEvent(new Event('beforeprint'))")
    boxes = await page.evaluate(BOXES)
    left, top, right, bottom = (
        {name: box[side] for name, box in boxes.items()} for side in ("left", "top", "right", "bottom")
    )
    assert all(bottom[name] > top[name] for name in boxes), "something is not printed"
    assert right["map"] < left["money"]
    assert abs(top["map"] - top["money"]) < 1
    assert bottom["lead"] <= top["map"] < top["targets"] < top["series"] < top["multiples"] < top["totals"]
    assert max(right.values()) <= A4_WIDTH_PX
    controls = page.locator(
        "select, input, summary, nav, footer, dialog, #latest, .choice, #map-define, #back"
    )
    assert [await one.is_visible() for one in await controls.all()] == [False] * await controls.count()
    assert await page.locator(".simulated").is_visible()
    await expect(page.locator("#on-paper")).to_contain_text("2026")
    assert await page.evaluate(DRAWN_FOR_ANOTHER_WIDTH) == []
    assert await page.evaluate("getComputedStyle(document.body).color") == "rgb(0, 0, 0)"
    await page.emulate_media(media="screen")
    await page.evaluate("dispatchEvent(new Event('afterprint'))")
    assert await overflowing(page) == []
    await expect(page.locator("#measure")).to_be_visible()
    assert errors == []
    await page.close()


BOXES: Final = """Object.fromEntries(['lead', 'map', 'money', 'targets', 'series', 'multiples', 'totals']
    .map((name) => [name, document.querySelector(`main .${name}`).getBoundingClientRect().toJSON()]))"""
A4_WIDTH_PX: Final = 182 / 25.4 * 96 + 1
"""What 14 mm of margin leave."""
DRAWN_FOR_ANOTHER_WIDTH: Final = """[...document.querySelectorAll('main svg')]
    .filter((one) => Math.abs(one.viewBox.baseVal.width - one.getBoundingClientRect().width) > 1)
    .map((one) => one.parentElement.outerHTML.slice(0, 120))"""


async def test_every_label_on_the_map_stands_on_one_line_within_its_tile(
    browser: Browser, told: Running, errors: list[str]
) -> None:
    for lang in ("en", "zh"):
        page = await opened(browser, told, errors, f"?lang={lang}")
        for width in (1440, 1101, 1100, 700, 390):
            await page.set_viewport_size({"width": width, "height": 900})
            unfit = await page.evaluate(
                """() => [...document.querySelectorAll('.tile span')].filter((label) => {
                    if (!label.getClientRects().length) return false;
                    const text = document.createRange();
                    text.selectNodeContents(label);
                    const box = text.getBoundingClientRect(), tile = label.parentElement.getBoundingClientRect();
                    const lines = new Set([...text.getClientRects()].map((line) => line.top)).size;
                    return lines > 1 || box.left < tile.left || box.right > tile.right;
                }).map((label) => label.textContent)"""
            )
            assert unfit == [], f"{lang} at {width} px"
            assert await page.evaluate("document.documentElement.scrollWidth <= innerWidth")
        await page.close()
    assert errors == []


async def hindrances(page: Page) -> list[str]:
    """What keeps somebody from reading or using the page, by axe-core's rules; contrast is among them."""
    found = (await Axe().run(page)).response["violations"]
    return [
        f"{one['id']} ({one['impact']}): {node['html']}"
        for one in found
        if one["impact"] in ("serious", "critical")
        for node in one["nodes"]
    ]


async def test_the_first_sentence_says_the_number_that_matters(
    browser: Browser, told: Running, errors: list[str]
) -> None:
    funded = (await told.get("/v1/nation")).json()["measures"]["funded"]
    page = await opened(browser, told, errors)
    await expect(page.locator("h1")).to_contain_text(f"{funded} workers funded since 2025")
    await expect(page.locator(".simulated")).to_be_visible()
    await expect(page.locator("#baselines")).to_contain_text("more than 500 universities took part")
    assert errors == []
    await page.close()


async def test_the_pace_so_far_is_said_with_the_month_that_reaches_the_target(
    browser: Browser, reporting: Running, errors: list[str]
) -> None:
    publisher = Programme(5, ("32",)).play(60)
    publisher.clock += timedelta(days=40)
    publisher.publish(
        S, "32", subsidy.SUBSIDY_GRANTED, award("32-9999", ("migrant",)), subject=worker(77_777)
    )
    await reporting.feed(publisher.published)
    await reporting.until(len(publisher.published))
    await reporting.db.execute(
        "UPDATE standing SET total = 1500000 WHERE scope = 'nation' AND measure = 'funded'"
    )
    page = await opened(browser, reporting, errors)
    # 41 days for the first half, so 41 more from 11 April 2026.
    await expect(page.locator("#pace")).to_contain_text(
        "At the pace so far the target is reached in May 2026."
    )
    await page.locator(".targets summary").click()
    await expect(page.locator("#targets-table tbody tr").first).to_contain_text("May 2026")
    assert errors == []
    await page.close()


async def test_a_fact_changes_the_page_in_place(
    browser: Browser, reporting: Running, errors: list[str]
) -> None:
    page = await opened(browser, reporting, errors, "?lang=zh")
    await expect(page.locator("h1")).to_contain_text("还没有任何事实")
    publisher = Programme(5, ("32",)).play(60)
    await reporting.feed(publisher.published)
    await reporting.until(len(publisher.published))
    await expect(page.locator("h1 [data-name=funded]")).not_to_have_text("0")
    before = (await reporting.get("/v1/nation")).json()["measures"]["funded"]
    await expect(page.locator("h1 [data-name=funded]")).to_have_text(str(before))
    await page.evaluate("window.kept = true")
    more = Publisher(seqs=publisher.seqs.copy(), clock=publisher.clock)
    more.publish(S, "32", subsidy.SUBSIDY_GRANTED, award("32-9999", ("migrant",)), subject=worker(77_777))
    await reporting.feed(more.published)
    await expect(page.locator("h1 [data-name=funded]")).to_have_text(str(before + 1))
    await expect(page.locator("#latest li").first).to_contain_text("发放补助")
    assert await page.evaluate("window.kept")
    assert errors == []
    await page.close()


async def test_charts_whose_answers_take_longer_than_news_come_are_drawn_all_the_same(
    browser: Browser, reporting: Running
) -> None:
    publisher = Programme(6, ("32",)).play(60)
    await reporting.feed(publisher.published)
    await reporting.until(len(publisher.published))
    page = await browser.new_page()

    async def late(route: Route) -> None:
        await asyncio.sleep(SLOW_ANSWER_S)
        await route.continue_()

    async def feed_on() -> None:
        more = Publisher(seqs=publisher.seqs.copy(), clock=publisher.clock)
        for n in itertools.count():
            number, who = f"32-{5_000 + n}", worker(50_000 + n)
            more.publish(S, "32", subsidy.SUBSIDY_GRANTED, award(number, ("migrant",)), subject=who)
            await reporting.feed(more.published[n:])
            await asyncio.sleep(NEWS_EVERY_S)

    await page.route("**/v1/trends?*", late)
    feeding = asyncio.create_task(feed_on())
    try:
        await page.goto(f"{reporting.url}/?lang=en")
        funded = page.locator("h1 [data-name=funded]")
        first = await funded.inner_text()
        await expect(page.locator(".chart svg")).to_have_count(3, timeout=30_000)
        assert await funded.inner_text() != first, "no news came: this proves nothing"
    finally:
        feeding.cancel()
        await asyncio.gather(feeding, return_exceptions=True)
    await page.close()


async def test_a_province_is_picked_by_keyboard_and_everything_follows(
    browser: Browser, told: Running, errors: list[str]
) -> None:
    page = await opened(browser, told, errors)
    await page.locator('.tile[data-lane="34"]').focus()
    await page.keyboard.press("ArrowRight")
    await expect(page.locator('.tile[data-lane="32"]')).to_be_focused()
    await page.keyboard.press("Enter")
    await expect(page.locator("h1")).to_contain_text("Jiangsu")
    await expect(page.locator("#map-title")).to_have_text("Showing Jiangsu")
    await expect(page.locator("#flow svg")).to_have_attribute(
        "aria-label", re.compile("Planned ¥600,000, .*, Paid ¥")
    )
    jiangsu = next(lane for lane in (await told.get("/v1/provinces")).json() if lane["code"] == "32")
    enrolled = page.locator('#totals [data-measure="enrolled"] .total')
    await expect(enrolled).to_have_text(str(jiangsu["measures"]["enrolled"]))
    places = await page.locator("#latest .where").all_inner_texts()
    assert set(places) == {"Jiangsu"}
    assert page.url.endswith("#lane=32")
    await page.keyboard.press("Escape")
    await expect(page.locator("h1")).not_to_contain_text("Jiangsu")
    assert errors == []
    await page.close()


async def test_a_picked_province_and_measure_survive_the_change_of_language(
    browser: Browser, told: Running, errors: list[str]
) -> None:
    page = await opened(browser, told, errors, "?lang=en#lane=50&measure=enrolled")
    await page.locator("#language").click()
    await expect(page.locator("h1")).to_contain_text("重庆")
    await expect(page.locator("#measure")).to_have_value("enrolled")
    assert errors == []
    await page.close()


async def test_every_picture_has_a_table_and_every_measure_its_definition(
    browser: Browser, told: Running, errors: list[str]
) -> None:
    page = await opened(browser, told, errors)
    await page.locator("#measure").select_option("allocated_fen")
    for summary in await page.locator("summary").all():
        await summary.click()
    nation = (await told.get("/v1/nation")).json()
    whole = f"{nation['measures']['allocated_fen'] / 100:,.2f}"
    await expect(page.locator("#map-table tr").last).to_contain_text(whole)
    await expect(page.locator("#series-table tbody tr").first).to_be_visible()
    await expect(page.locator("#targets-table tbody tr")).to_have_count(6)
    await expect(page.locator("#map-table svg.spark")).to_have_count(4)  # three provinces and the nation
    await expect(page.locator("#money-table tbody tr").nth(1)).to_contain_text(whole)
    sources = await page.locator("section .source").all_inner_texts()
    assert len(sources) == 6
    assert all(source.startswith("Source: facts recorded by") for source in sources)
    await page.get_by_role("button", name="Education upgrades").focus()
    await expect(page.locator("#definition")).to_contain_text("higher than before")
    assert errors == []
    await page.close()


async def test_a_target_is_drawn_with_where_it_leads_and_provinces_and_alliances_have_theirs(
    browser: Browser, reporting: Running, errors: list[str]
) -> None:
    publisher = Programme(5, ("32", "50"))
    for _ in range(6):
        publisher.play(len(publisher.publisher.published) + 40)
        publisher.publisher.clock += timedelta(days=31)
    published = publisher.play(len(publisher.publisher.published) + 40).published
    await reporting.feed(published)
    await reporting.until(len(published))
    told = {one["code"]: one for one in (await reporting.get("/v1/targets")).json()["targets"]}
    page = await opened(browser, reporting, errors)
    funded = page.locator('#bullets [data-target="funded"]')
    band = told["funded"]["band"]
    await expect(funded).to_contain_text(f"which leads to {band['low']} – {band['high']}.")
    await expect(funded.locator("svg .band")).to_have_count(1)
    await expect(page.locator("#bullets .bullet")).to_have_count(3)
    await expect(page.locator("#bullets-others .bullet")).to_have_count(3)
    await expect(page.locator("#behind-pace")).to_contain_text(" short)")
    since = next(one for one in (await reporting.get("/v1/targets")).json()["since_2016"][-1:])
    await expect(page.locator("#baselines li").last).to_contain_text(f"since then {since['streamed']}")
    await expect(page.locator("#baselines svg").last.locator("rect")).to_have_count(2)
    await page.locator('.tile[data-lane="50"]').click()
    await expect(page.locator("#targets-title")).to_have_text("Chongqing: share of the national targets")
    await expect(page.locator("#bullets-others .bullet")).to_have_count(2)
    await expect(page.locator("#bullets-others")).not_to_contain_text("Jiangsu")
    assert await hindrances(page) == []
    assert errors == []
    await page.close()


async def test_each_province_is_set_beside_its_own_share_and_its_own_last_year(
    browser: Browser, infrastructure: Infrastructure, namespace: str, tmp_path: Path, errors: list[str]
) -> None:
    """The largest is ahead, the one furthest behind is not the smallest, and each has another share, value and year."""
    publisher = Publisher(clock=datetime(2025, 2, 10, tzinfo=UTC))
    grants = [("32", 5, 2025), ("32", 15, 2026), ("33", 1, 2026)]
    no = 0
    for lane, workers in (("32", 60), ("33", 30), ("50", 10)):
        for n in range(workers):
            publisher.publish(
                E,
                lane,
                provinces.WORKER_REGISTERED,
                registered(lane, ("industrial",)),
                subject=worker(int(lane) * 100 + n),
            )
    for lane, count, year in grants:
        publisher.clock = max(publisher.clock, BEGAN if year == BEGAN.year else publisher.clock)
        for _ in range(count):
            no += 1
            granted = award(f"{lane}-{no}", (), year=year)
            publisher.publish(S, lane, subsidy.SUBSIDY_GRANTED, granted, subject=worker(9_000 + no))
    targets = tmp_path / "small.yaml"
    targets.write_text(TARGETS.read_text().replace("3_000_000", "100").replace("2_000_000", "60"))
    async with running(infrastructure, namespace, tmp_path, targets_file=targets) as service:
        await service.feed(publisher.published)
        await service.until(len(publisher.published))
        page = await opened(browser, service, errors)
        # Of 100 till the end of 2030 a steady pace stands at 19 on 2 March 2026: 11, 6 and 2 by workers registered.
        await expect(page.locator("#behind-pace")).to_have_text(
            "Furthest behind a steady pace towards their share: Zhejiang (5 short), Chongqing (2 short)."
        )
        await expect(bullet(page, "funded").locator("svg")).to_have_attribute(
            "aria-label",
            re.compile(
                r"^Workers funded: 21 / at least 100 · 21 %\..* at 5 on the same day last year\. .* at 19 today\.$"
            ),
        )
        for lane, figure, says, year in (
            ("32", "20 / 60 · 33 %", "9 ahead of a steady pace, which would stand at 11.", 5),
            ("33", "1 / 30 · 3.3 %", "5 behind a steady pace, which would stand at 6.", 0),
            ("50", "0 / 10 · 0.0 %", "2 behind a steady pace, which would stand at 2.", 0),
        ):
            await page.locator(f'.tile[data-lane="{lane}"]').click()
            own = bullet(page, f"funded/{lane}")
            await expect(own.locator(".figure")).to_have_text(figure)
            await expect(own.locator(".pace")).to_have_text(
                f"{says} It stood at {year} on the same day last year."
            )
            across = await own.locator("svg").evaluate("(one) => one.viewBox.baseVal.width")
            ring = float(await own.locator(".ring").get_attribute("cx") or "nan")
            assert ring == pytest.approx(max(5, year / (60 * 1.06) * across), abs=0.5)
        assert errors == []
        await page.close()


def bullet(page: Page, code: str) -> Locator:
    """One target's bullet chart with its words."""
    return page.locator(f'#bullets [data-target="{code}"]')


async def test_any_measure_is_mapped_by_keyboard_as_a_number_a_rate_or_a_share(
    browser: Browser, crowded: Running, errors: list[str]
) -> None:
    page = await opened(browser, crowded, errors)
    offered = await page.locator("#measure option").evaluate_all("(all) => all.map((one) => one.value)")
    assert set(offered) == set(MEASURES) - {
        "arrived",
        "taken_in",
        "skilled_others",
    }  # no lane has sums of these
    nation = (await crowded.get("/v1/nation")).json()
    sums = {lane["code"]: lane["measures"] for lane in nation["lanes"]}
    by_workers = page.locator('[data-way="registered"]')
    await by_workers.focus()
    await page.keyboard.press("Enter")
    await expect(by_workers).to_have_attribute("aria-pressed", "true")
    for code, whole in (("32", sums["32"]), ("54", sums["54"])):
        rate = 10_000 * whole["funded"] / whole["registered"]
        assert await on_tile(page, code) == pytest.approx(rate, rel=0.01)
    funded, workers = sums["32"]["funded"], sums["32"]["registered"]
    await expect(page.locator('.tile[data-lane="32"]')).to_have_attribute(
        "aria-label",
        f"Jiangsu: Workers funded (per 10,000 registered) {10_000 * funded / workers:,.0f}; "
        f"Workers funded {funded:,} persons",
    )
    await page.locator("#measure").select_option("granted_fen")
    assert await on_tile(page, "32") == pytest.approx(
        sums["32"]["granted_fen"] / 100 / sums["32"]["registered"], abs=0.5
    )
    await page.locator("#measure").select_option("projects")
    await expect(by_workers).to_be_disabled()
    await expect(page.locator('[data-way="count"]')).to_have_attribute("aria-pressed", "true")
    await page.locator('[data-way="share"]').click()
    whole = nation["measures"]["projects"]
    assert await on_tile(page, "32") == pytest.approx(100 * sums["32"]["projects"] / whole, abs=0.01)
    steps = await page.locator('.tile:not([data-step="0"])').evaluate_all(
        "(all) => all.map((one) => [one.dataset.step, getComputedStyle(one).backgroundColor])"
    )
    assert len({step for step, _ in steps}) == len({colour for _, colour in steps})
    assert await hindrances(page) == []
    assert errors == []
    await page.close()


async def on_tile(page: Page, lane: str) -> float:
    """The number on a tile."""
    text = (await page.locator(f'.tile[data-lane="{lane}"] .value').inner_text()).replace(",", "")
    return float(text.removesuffix("k")) * (1_000 if text.endswith("k") else 1)


async def test_too_few_registered_workers_give_no_rate(
    browser: Browser, told: Running, errors: list[str]
) -> None:
    page = await opened(browser, told, errors, "?lang=en#way=registered")
    registered_at = {
        lane["code"]: lane["measures"].get("registered", 0)
        for lane in (await told.get("/v1/provinces")).json()
    }
    few = next(code for code, workers in registered_at.items() if 0 < workers < 30)
    await expect(page.locator(f'.tile[data-lane="{few}"] .value')).to_have_text("–")
    await expect(page.locator(f'.tile[data-lane="{few}"]')).to_have_attribute(
        "aria-label", re.compile("fewer than 30 registered: no rate")
    )
    assert errors == []
    await page.close()


async def test_all_that_is_shown_stands_in_the_address_and_back_goes_back(
    browser: Browser, told: Running, errors: list[str]
) -> None:
    page = await opened(browser, told, errors)
    await page.locator('.tile[data-lane="32"]').click()
    await page.locator("#measure").select_option("enrolled")
    await page.locator('[data-way="share"]').click()
    await page.locator("#by-minute").click()
    await page.locator("#map-define").click()
    await expect(page.locator("#behind")).to_be_visible()
    address = page.url
    assert address.endswith("#lane=32&measure=enrolled&way=share&by=minute&about=enrolled")
    sent_on = await opened(browser, told, errors, "?" + address.partition("/?")[2])
    await expect(sent_on.locator("#behind-title")).to_have_text("Enrolled (enrollments)")
    await expect(sent_on.locator("h1")).to_contain_text("Jiangsu")
    await expect(sent_on.locator("#by-minute")).to_have_attribute("aria-pressed", "true")
    await sent_on.close()
    await page.go_back()
    await expect(page.locator("#behind")).to_be_hidden()
    await page.go_back()
    await expect(page.locator('[data-by="month"]')).to_have_attribute("aria-pressed", "true")
    await page.go_back()
    await expect(page.locator('[data-way="count"]')).to_have_attribute("aria-pressed", "true")
    await page.go_back()
    await expect(page.locator("#measure")).to_have_value("funded")
    await expect(page.locator("h1")).to_contain_text("Jiangsu")
    await page.go_back()
    await expect(page.locator("h1")).not_to_contain_text("Jiangsu")
    await page.go_forward()
    await expect(page.locator("#money-title")).to_contain_text("Jiangsu")
    await page.locator(".skip").focus()
    await page.keyboard.press("Enter")
    await expect(page.locator("#map")).to_be_focused()
    await expect(page.locator("h1")).to_contain_text("Jiangsu")
    assert errors == []
    await page.close()


async def test_the_past_is_shown_as_past_and_stays_until_now_is_asked_for(
    browser: Browser, reporting: Running, errors: list[str]
) -> None:
    publisher = Programme(5, ("32",)).play(60)
    early = len(publisher.published)
    publisher.clock += timedelta(days=40)
    for n in range(3):
        publisher.publish(S, "33", subsidy.SUBSIDY_GRANTED, award(f"33-{n}", ()), subject=worker(900 + n))
    await reporting.feed(publisher.published)
    await reporting.until(early + 3)
    then = (await reporting.get("/v1/nation", known_on="2026-03-12")).json()["measures"]["funded"]
    page = await opened(browser, reporting, errors)
    funded = page.locator("h1 [data-name=funded]")
    await expect(funded).to_have_text(str(then + 3))
    slider = page.locator("#known-on")
    await slider.focus()
    await page.keyboard.press("Home")
    await expect(page.locator("#past")).to_contain_text("what was known on 2 Mar 2026. Not live.")
    for _ in range(10):
        await page.keyboard.press("ArrowRight")
    await expect(page.locator("#past")).to_contain_text("what was known on 12 Mar 2026. Not live.")
    await expect(funded).to_have_text(str(then))
    await expect(page.locator("#status")).to_have_attribute("data-kind", "past")
    await expect(page.locator('.tile[data-lane="33"] .value')).to_have_text("0")
    await expect(page.locator(".map .source")).to_have_text("Source: facts recorded up to 12 Mar 2026")
    publisher.published.clear()
    publisher.publish(S, "33", subsidy.SUBSIDY_GRANTED, award("33-9", ()), subject=worker(999))
    await reporting.feed(publisher.published)
    await reporting.until(early + 4)
    await page.locator("#as-of").select_option("2026-02")
    await expect(page.locator("#past")).to_contain_text("by the end of Feb 2026, as known on 12 Mar 2026")
    await expect(funded).to_have_text("0")
    assert await hindrances(page) == []
    await page.locator("#language").click()
    await expect(page.locator("#past")).to_contain_text(
        "2026 年 2 月底发生、2026 年 3 月 12 日已知的事，不是实时"
    )
    await expect(page.locator("h1 [data-name=funded]")).to_have_text("0")
    await page.locator("#to-now").click()
    await expect(page.locator("#past")).to_be_hidden()
    await expect(page.locator("h1 [data-name=funded]")).to_have_text(str(then + 4))
    await expect(page.locator("#status")).to_have_attribute("data-kind", "live")
    assert errors == []
    await page.close()


async def test_a_number_leads_to_its_definition_and_with_a_token_to_its_events(
    browser: Browser, told: Running, errors: list[str]
) -> None:
    page = await opened(browser, told, errors, "?lang=en#lane=32")
    await page.get_by_role("button", name="Education upgrades").focus()
    await page.keyboard.press("Enter")
    dialog = page.locator("#behind")
    await expect(dialog).to_contain_text("Completions whose level of education is higher than before.")
    await expect(dialog).to_contain_text("Officials, auditors and operators with a token may see them")
    await expect(page.locator("#drill-month")).to_contain_text("Jul 2026")
    assert await hindrances(page) == []
    await page.locator("#drill-ask").click()
    await expect(page.locator("#events-say")).to_contain_text("Enter a token first")
    await page.locator("#token").fill("not-one-of-ours")
    await page.keyboard.press("Enter")
    await expect(page.locator("#events-say")).to_contain_text("token")
    await page.locator("#token-forget").click()
    token = told.token("official")["Authorization"].removeprefix("Bearer ")
    before = await told.db.fetchval("SELECT count(*) FROM look_up")
    await page.locator("#token").fill(token)
    await page.keyboard.press("Enter")
    jiangsu = next(lane for lane in (await told.get("/v1/provinces")).json() if lane["code"] == "32")
    whole = jiangsu["measures"]["education_upgrades"]  # all of them in July
    await expect(page.locator("#events-say")).to_contain_text(
        f"{whole} events, adding up to {whole}; the month's number is {whole}. This look was written down."
    )
    await expect(page.locator("#events tbody tr")).to_have_count(whole)
    assert await told.db.fetchval("SELECT count(*) FROM look_up") == before + 1
    assert await hindrances(page) == []
    kept = await page.evaluate(
        "[location.href, document.cookie, JSON.stringify({...localStorage}), JSON.stringify({...sessionStorage}),"
        " document.documentElement.outerHTML, token.value].join()"
    )
    assert token not in kept
    await page.keyboard.press("Escape")
    await expect(dialog).to_be_hidden()
    await expect(page.locator("h1")).to_contain_text("Jiangsu")  # Escape has closed the dialog alone
    await page.locator("h1 [data-name=funded]").click()
    await expect(dialog).to_contain_text("Each person counts once")
    await dialog.get_by_role("button", name="Subsidies granted").click()
    await expect(page.locator("#behind-title")).to_have_text("Subsidies granted (awards)")
    assert [error for error in errors if "401" not in error] == []
    await page.close()


async def test_every_province_with_a_number_has_its_way_on_one_scale_and_is_picked_there(
    browser: Browser, told: Running, errors: list[str]
) -> None:
    asked: list[str] = []
    page = await browser.new_page(viewport={"width": 1440, "height": 900})
    page.on("request", lambda request: asked.append(request.url))
    await page.goto(f"{told.url}/?lang=en#measure=enrolled")
    lanes = {
        lane["code"]: lane["measures"].get("enrolled", 0) for lane in (await told.get("/v1/provinces")).json()
    }
    ways = page.locator(".multiple")
    await expect(ways).to_have_count(3)
    found = {
        await way.get_attribute("data-lane"): await way.locator(".num").inner_text()
        for way in await ways.all()
    }
    assert found == {code: str(value) for code, value in lanes.items() if value}
    await expect(page.locator("#multiples-note")).to_contain_text(f"whose top is {max(lanes.values())}.")
    await ways.first.focus()
    await page.keyboard.press("Enter")
    await expect(ways.first).to_have_attribute("aria-pressed", "true")
    await expect(ways.first).to_be_focused()
    assert asked
    assert all(url.startswith(told.url) for url in asked)  # nothing comes from elsewhere
    await page.close()


async def test_scorecards_sort_say_why_and_stand_under_the_state_of_reconciliation(
    browser: Browser, infrastructure: Infrastructure, namespace: str, tmp_path: Path, errors: list[str]
) -> None:
    publisher = Publisher()
    for lane, duplicate, rejected in (("50", 1_200, 5), ("33", 9, 200), ("32", 90, 500)):
        tally = {"accepted": 5_000, "duplicate": duplicate, "conflict": 0, "rejected": rejected, "parked": 0}
        publisher.publish(E, lane, enrollment.DAY_BEGAN, {"day": "2026-03-02", "log_head": "0" * 64})
        publisher.publish(E, lane, enrollment.VERDICTS_TALLIED, {"day": "2026-03-01", **tally})
    async with running(infrastructure, namespace, tmp_path, reconcile_every_s=1) as service:
        await service.feed(publisher.published)
        await service.until(len(publisher.published))
        cards = {card["lane"]: card for card in (await service.get("/v1/quality")).json()["lanes"]}
        page = await opened(browser, service, errors)
        names = page.locator("#quality-table .opener")
        await expect(names).to_have_text(["The nation", "Jiangsu", "Chongqing", "Zhejiang"])
        await expect(page.locator("#quality-says")).to_contain_text("2 to act on, 1 to be watched.")
        await page.locator('[data-sort="rejections"]').focus()
        await page.keyboard.press("Enter")
        await expect(names).to_have_text(["The nation", "Jiangsu", "Zhejiang", "Chongqing"])
        assert page.url.endswith("#sort=rejections")
        await page.keyboard.press("Enter")
        await expect(names).to_have_text(["The nation", "Chongqing", "Zhejiang", "Jiangsu"])
        await expect(page.locator('#quality-table th[aria-sort="ascending"]')).to_have_text("Rejected")
        await names.last.press("Enter")
        (rejections,) = [part for part in cards["32"]["parts"] if part["code"] == "rejections"]
        await expect(page.locator(".reasons")).to_contain_text(rejections["reason_en"])
        await expect(page.locator("#reconciled")).to_contain_text(re.compile("Reconciled|do not agree"))
        assert await hindrances(page) == []
        assert errors == []
        await page.close()


async def test_a_lost_connection_is_said_plainly_with_the_time_of_the_numbers(
    browser: Browser, infrastructure: Infrastructure, namespace: str, tmp_path: Path, errors: list[str]
) -> None:
    async with running(infrastructure, namespace, tmp_path) as service:
        page = await opened(browser, service, errors)
    status = page.locator("#status")
    await expect(status).to_have_attribute("data-kind", "lost", timeout=20_000)
    await expect(status).to_contain_text("Connection lost, trying again. Numbers as of")
    await page.close()


async def test_names_that_look_like_markup_do_no_harm(
    browser: Browser, told: Running, errors: list[str]
) -> None:
    page = await opened(browser, told, errors)
    given = await page.locator("#given").text_content()
    assert given is not None
    assert "<" not in given
    assert json.loads(given)["picture"]["facts"] == len(HISTORY.published)
    await page.close()
