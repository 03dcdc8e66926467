"""The ceiling: aiokafka's getmany and enrollment's own decoding, no hash, no database. Prints JSON."""

import asyncio
import json
import os
import sys
import time

from aiokafka import AIOKafkaConsumer, TopicPartition

from benchmarks.processes import peak_rss_mib, used
from services.enrollment.consumers import decode
from shared.contracts.topics import PROVINCE_EVENTS
from shared.plumbing import kafka
from shared.plumbing.service import collect_rarely
from shared.plumbing.settings import ServiceSettings

READ_MAX_RECORDS = 4_000


async def main(events: int) -> None:
    """Read and decode `events` records of all provinces' topics."""
    settings = ServiceSettings()
    collect_rarely()
    consumer = AIOKafkaConsumer(
        bootstrap_servers=settings.kafka_bootstrap,
        auto_offset_reset="earliest",
        max_partition_fetch_bytes=kafka.FETCH_MAX_BYTES,
        security_protocol="SASL_PLAINTEXT",
        sasl_mechanism="SCRAM-SHA-512",
        sasl_plain_username=settings.kafka_username,
        sasl_plain_password=settings.kafka_password_file.read_text().strip(),
    )
    await consumer.start()
    consumer.assign([TopicPartition(topic, 0) for topic in PROVINCE_EVENTS.topics(settings.namespace)])
    await consumer.getmany(timeout_ms=1, max_records=1)
    await consumer.seek_to_beginning()
    before, began_s, seen = used(os.getpid()).process_s, time.perf_counter(), 0
    while seen < events:
        batches = await consumer.getmany(timeout_ms=1000, max_records=READ_MAX_RECORDS)
        for records in batches.values():
            for record in records:
                decode(record)
            seen += len(records)
    took_s, after = time.perf_counter() - began_s, used(os.getpid()).process_s
    await consumer.stop()
    figure = {
        "events": seen,
        "took_s": took_s,
        "cpu_s": after - before,
        "rss_mib": peak_rss_mib(os.getpid()),
    }
    print(json.dumps(figure))


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1])))
