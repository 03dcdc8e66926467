"""The live page in a real Chromium: how soon it is painted, and how soon after a commit it shows the new number."""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from statistics import median
from typing import Final

import asyncpg
import orjson
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from playwright.async_api import Page, ViewportSize, async_playwright

from benchmarks.load import admin
from console.stack.stack import Stack
from services.reporting.store import CHANGED_CHANNEL
from shared.contracts.topics import ENROLLMENT_EVENTS

CHROMIUM: Final = "/usr/bin/chromium"
WINDOW: Final = ViewportSize(width=1440, height=900)
LANE: Final = "32"
OPENINGS: Final = 7
SETTLE_S: Final = 1.0
"""Between two updates, so that none waits for the one before."""
SHOWN_LIMIT_S: Final = 60.0
FIRST_PAINT: Final = """() => new Promise((done) => new PerformanceObserver((list, observer) => {
    const first = list.getEntriesByName("first-contentful-paint")[0];
    if (first) { observer.disconnect(); done(first.startTime); }
}).observe({ type: "paint", buffered: true }))"""
FACTS: Final = "fetch('/v1/nation').then((answer) => answer.json()).then((nation) => nation.facts)"
WATCH: Final = """(facts) => {
    const line = document.getElementById("recorded");
    window.shown = new Promise((done) => new MutationObserver((_, observer) => {
        if (!line.textContent.includes(facts.toLocaleString("en-GB"))) return;
        observer.disconnect();
        requestAnimationFrame(() => requestAnimationFrame(() => done(Date.now())));
    }).observe(line, { childList: true, characterData: true, subtree: true }));
}"""
"""Two frames after the number of facts has changed, it has been painted."""

Publish = Callable[[], Awaitable[None]]


async def measure(stack: Stack, updates: int) -> dict[str, int]:
    """First paint of several openings, and of `updates` facts the time from commit to paint; in ms."""
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(
            executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu"]
        )
        address = f"{stack.address('reporting')}/?lang=en"
        paints_ms = []
        for _ in range(OPENINGS):
            page = await browser.new_page(viewport=WINDOW)
            await page.goto(address)
            paints_ms.append(await page.evaluate(FIRST_PAINT))
            await page.close()
        page = await browser.new_page(viewport=WINDOW)
        await page.goto(address)
        await page.wait_for_selector('#status[data-kind="live"]')
        waits_ms = await _waits_ms(stack, page, updates)
        await browser.close()
    return {
        "first_paint_p50_ms": round(median(paints_ms)),
        "first_paint_max_ms": round(max(paints_ms)),
        "update_p50_ms": round(median(waits_ms)),
        "update_max_ms": round(max(waits_ms)),
    }


async def _waits_ms(stack: Stack, page: Page, updates: int) -> list[float]:
    waits_ms = []
    async with _committed(stack) as committed_s, _one_more(stack) as publish:
        for _ in range(updates):
            await asyncio.sleep(SETTLE_S)
            await page.evaluate(WATCH, await page.evaluate(FACTS) + 1)
            committed_s.clear()
            await publish()
            async with asyncio.timeout(SHOWN_LIMIT_S):
                shown_ms = await page.evaluate("shown")
            waits_ms.append(shown_ms - committed_s[0] * 1000)
    return waits_ms


@contextlib.asynccontextmanager
async def _committed(stack: Stack) -> AsyncIterator[list[float]]:
    """When each batch of reporting was committed, as its database says it."""
    heard_s: list[float] = []
    db = await asyncpg.connect(stack.infrastructure.database("reporting", stack.namespace).owner_dsn)
    await db.add_listener(CHANGED_CHANNEL, lambda *_: heard_s.append(time.time()))
    try:
        yield heard_s
    finally:
        await db.close()


@contextlib.asynccontextmanager
async def _one_more(stack: Stack) -> AsyncIterator[Publish]:
    """Publishes one fact more each time: the newest of a lane once again, under its next number."""
    topic = TopicPartition(ENROLLMENT_EVENTS.topic(stack.namespace, LANE), ENROLLMENT_EVENTS.partition(LANE))
    async with AIOKafkaConsumer(auto_offset_reset="earliest", **admin(stack)) as consumer:
        consumer.assign([topic])
        consumer.seek(topic, (await consumer.end_offsets([topic]))[topic] - 1)
        fact = orjson.loads((await consumer.getone()).value)
    async with AIOKafkaProducer(acks="all", **admin(stack)) as producer:

        async def publish() -> None:
            fact["seq"] += 1
            fact["id"] = f"again-{fact['seq']}"
            await producer.send_and_wait(topic.topic, orjson.dumps(fact), partition=topic.partition)

        yield publish
