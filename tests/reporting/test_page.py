"""Promises of the live page, kept in a real browser: it follows facts, speaks two languages, fits, and owns up."""

import json
import re
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Final, Literal

import pytest
from axe_playwright_python.async_playwright import Axe
from playwright.async_api import Browser, Page, async_playwright, expect

from console.stack.infrastructure import Infrastructure
from shared.contracts import subsidy
from tests.reporting.conftest import HISTORY, Running, running
from tests.reporting.facts import Programme, Publisher, S, award, worker

CHROMIUM: Final = Path("/usr/bin/chromium")
WIDTHS: Final = (1440, 390)
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


@pytest.fixture(scope="module")
async def browser() -> AsyncIterator[Browser]:
    async with async_playwright() as playwright:
        started = await playwright.chromium.launch(executable_path=CHROMIUM, args=QUIET)
        yield started
        await started.close()


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
@pytest.mark.parametrize("scheme", ["light", "dark"])
async def test_it_fits_every_width_in_both_languages_and_schemes(
    browser: Browser, told: Running, errors: list[str], width: int, lang: str, scheme: Scheme
) -> None:
    page = await opened(browser, told, errors, f"?lang={lang}", width, scheme)
    await expect(page.locator(".chart")).to_have_count(3)
    assert await page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    assert await page.evaluate("document.documentElement.lang") == {"zh": "zh-CN", "en": "en"}[lang]
    cut = await page.evaluate(
        """[...document.querySelectorAll('.tile')].filter(t => t.scrollWidth > t.clientWidth + 1)
           .map(t => t.innerText)"""
    )
    assert cut == []
    await page.evaluate("document.querySelectorAll('details').forEach((one) => { one.open = true; })")
    assert await hindrances(page) == []
    assert errors == []
    await page.close()


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
    assert page.url.endswith("#32/funded")
    await page.keyboard.press("Escape")
    await expect(page.locator("h1")).not_to_contain_text("Jiangsu")
    assert errors == []
    await page.close()


async def test_a_picked_province_and_measure_survive_the_change_of_language(
    browser: Browser, told: Running, errors: list[str]
) -> None:
    page = await opened(browser, told, errors, "?lang=en#50/enrolled")
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
    assert len(sources) == 5
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
    own = next(one for one in told["funded"]["short"] if one["lane"] == "50")
    share = page.locator('#bullets [data-target="funded/50"]')
    await expect(share).to_contain_text(f"{abs(own['short']):,} ")
    await expect(page.locator("#bullets-others .bullet")).to_have_count(2)
    await expect(page.locator("#bullets-others")).not_to_contain_text("Jiangsu")
    assert await hindrances(page) == []
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
    page = await opened(browser, told, errors, "?lang=en#32/funded")
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
    await page.goto(f"{told.url}/?lang=en#/enrolled")
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
