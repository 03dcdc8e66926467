"""The floor: an ordinary FastStream handler, one event, one transaction, one acknowledgement. Prints JSON."""

import asyncio
import json
import os
import sys
import time
from typing import Any

import asyncpg
from faststream import AckPolicy
from faststream.kafka import KafkaBroker, KafkaMessage

from benchmarks.processes import peak_rss_mib, used
from shared.contracts.topics import PROVINCE_EVENTS
from shared.plumbing import kafka
from shared.plumbing.settings import ServiceSettings


async def main(events: int) -> None:
    """Handle `events` records the ordinary way."""
    settings = ServiceSettings()
    pool = await asyncpg.create_pool(settings.database_dsn_file.read_text().strip(), min_size=1, max_size=4)
    broker = KafkaBroker(settings.kafka_bootstrap, security=kafka.security(settings), logger=None)
    state: dict[str, Any] = {"seen": 0, "began_s": None, "cpu_s": 0.0}
    done = asyncio.Event()

    @broker.subscriber(
        *PROVINCE_EVENTS.topics(settings.namespace),
        group_id=f"{settings.namespace}enrollment-floor",
        auto_offset_reset="earliest",
        ack_policy=AckPolicy.MANUAL,
    )
    async def handle(body: bytes, message: KafkaMessage) -> None:
        if state["began_s"] is None:
            state["began_s"], state["cpu_s"] = time.perf_counter(), used(os.getpid()).process_s
        try:
            event = json.loads(body)
            key = str(event.get("id"))
        except (ValueError, AttributeError):
            key = str(message.message_id)
        async with pool.acquire() as db, db.transaction():
            await db.execute(
                "INSERT INTO handover (to_lane, kind, payload) VALUES ($1, 'fact', $2)", key, body
            )
        await message.ack()
        state["seen"] += 1
        if state["seen"] >= events:
            done.set()

    await broker.start()
    await done.wait()
    took_s = time.perf_counter() - state["began_s"]
    cpu_s = used(os.getpid()).process_s - state["cpu_s"]
    print(
        json.dumps(
            {"events": state["seen"], "took_s": took_s, "cpu_s": cpu_s, "rss_mib": peak_rss_mib(os.getpid())}
        )
    )
    os._exit(0)  # leaving the group in order would take longer than the measurement


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1])))
