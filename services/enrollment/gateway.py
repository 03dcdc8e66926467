"""Writes what provinces send by HTTP to their own topics, with a user of the broker that may do nothing else."""

import asyncio
from collections.abc import Callable, Sequence
from typing import Final

import structlog
from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError

from shared.contracts.topics import PROVINCE_EVENTS
from shared.plumbing.publisher import close_producer

WRITE_TIMEOUT_S: Final = 10.0
"""From the wish to write to Kafka's acknowledgement, a connection that has to be made included."""

log = structlog.get_logger()
Record = tuple[bytes, list[tuple[str, bytes]]]
"""Value and headers."""


class NotWrittenError(Exception):
    """Kafka has not acknowledged. All of the records were written or none; `surely_not` if certainly none."""

    def __init__(self, surely_not: bool) -> None:
        super().__init__("nothing was written" if surely_not else "nobody knows whether it was written")
        self.surely_not = surely_not


class ProvinceTopics:
    """The topics that provinces publish on; connects when first needed, and anew after a failure."""

    def __init__(self, namespace: str, make_producer: Callable[[], AIOKafkaProducer]) -> None:
        self._namespace = namespace
        self._make_producer = make_producer
        self._producer: AIOKafkaProducer | None = None
        self._starting = asyncio.Lock()
        self._closing: set[asyncio.Task[None]] = set()

    async def write(self, lane: str, records: Sequence[Record]) -> int:
        """Write all records in one record batch, whole or not at all; the offset of the first.

        Raises NotWrittenError; ValueError for more than fits into one record batch.
        """
        producer: AIOKafkaProducer | None = None
        try:
            async with asyncio.timeout(WRITE_TIMEOUT_S):
                producer = await self._started()
                batch = producer.create_batch()
                for value, headers in records:
                    if batch.append(timestamp=None, key=None, value=value, headers=headers) is None:
                        raise ValueError("more than one record batch takes")
                topic = PROVINCE_EVENTS.topic(self._namespace, lane)
                written = await (await producer.send_batch(batch, topic, partition=0))
        except (KafkaError, OSError, TimeoutError) as error:
            log.warning("province_topic_not_written", lane=lane, error=type(error).__name__)
            self._forget(producer)
            raise NotWrittenError(surely_not=producer is None) from error
        return int(written.offset)

    async def run(self, *_: object) -> None:
        """Stand by until the service stops, then let go of Kafka."""
        try:
            await asyncio.Event().wait()
        finally:
            await self.close()

    async def close(self) -> None:
        """Let go of Kafka."""
        self._forget(self._producer)
        if self._closing:
            await asyncio.wait(self._closing)

    async def _started(self) -> AIOKafkaProducer:
        async with self._starting:
            if self._producer is None:
                producer = self._make_producer()
                try:
                    await producer.start()
                except BaseException:
                    await close_producer(producer)
                    raise
                self._producer = producer
            return self._producer

    def _forget(self, producer: AIOKafkaProducer | None) -> None:
        """Have the next writer connect anew: after some failures a producer of aiokafka stays broken."""
        if producer is None or producer is not self._producer:
            return
        self._producer = None
        closing = asyncio.create_task(close_producer(producer))
        self._closing.add(closing)
        closing.add_done_callback(self._closing.discard)
