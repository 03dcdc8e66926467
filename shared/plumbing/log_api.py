"""What auditors ask of a service's log: whether its chain holds, what was announced on Kafka, and the facts."""

import asyncio
from functools import partial
from typing import Annotated, Final

import orjson
from aiokafka import TopicPartition
from aiokafka.errors import KafkaError
from fastapi import APIRouter, Depends, HTTPException, Query, Request, Response
from pydantic import BaseModel, ConfigDict

from shared.contracts.topics import Stream
from shared.plumbing import chain, kafka, kafka_reading, store
from shared.plumbing.chain import FAULTS, GENESIS, Checked, Head
from shared.plumbing.operators import Code
from shared.plumbing.problem import ProblemRoute, documented
from shared.plumbing.tokens import allow

router = APIRouter(
    prefix="/v1/log",
    tags=["log"],
    route_class=ProblemRoute,
    dependencies=[Depends(allow("operator", "auditor"))],
    responses=documented(401, 403, 404, 422, 503),
)

CHUNK_ROWS_MAX: Final = 2_000
CHUNK_BYTES_MAX: Final = 8 * 1024 * 1024
"""So much of the log is read for one answer; at least one row, however large it is."""
FACTS_BYTES_MAX: Final = 2 * 1024 * 1024
"""And so much of it is sent."""
TOPIC_RECORDS_MAX: Final = 20_000
SEQ_MAX: Final = 2**62
_FIRST_HEAD: Final = GENESIS.hex()

AfterSeq = Annotated[int, Query(ge=0, le=SEQ_MAX, description="Only what follows this number.")]
Hash = Annotated[str, Query(pattern=r"^[0-9a-f]{64}$", description="The hash at that number, in hex.")]
StreamName = Annotated[
    str, Query(max_length=100, description="What the service publishes, as `enrollment.events`.")
]


class BrokenHere(BaseModel):
    """Where a chain does not hold."""

    model_config = ConfigDict(use_attribute_docstrings=True)

    seq: int
    """First number of the row."""
    fault: str
    """What is wrong, for software."""
    zh: str
    """What is wrong, in Chinese."""
    en: str
    """The same in English."""


class Verified(BaseModel):
    """A part of a lane's log that was checked."""

    model_config = ConfigDict(use_attribute_docstrings=True)

    rows: int
    """Rows whose links hold."""
    facts: int
    """Facts in them."""
    read_to: int
    """Send it as `after_seq` for what follows."""
    head: str
    """Send it as `head`."""
    announced: list[Head]
    """Heads that these facts announce; each was compared with the chain."""
    broken: BrokenHere | None
    """The first place that does not hold."""
    ended: bool
    """Whether this was the end of the log."""


class PublishedHeads(BaseModel):
    """Heads as they stand on Kafka, whatever the log says now."""

    model_config = ConfigDict(use_attribute_docstrings=True)

    heads: list[Head]
    """Announced by the records that were read."""
    records: int
    """How many records that were."""
    next: int | None
    """Send it as `offset` for what follows; none at the end."""


@router.get("/verify")
async def verify(
    request: Request, stream: StreamName, lane: Code, after_seq: AfterSeq = 0, head: Hash = _FIRST_HEAD
) -> Verified:
    """Check the chain of one lane's log from a number on, a part at a time: links, contents, announced heads."""
    _own(request, stream)
    async with (
        request.app.state.pool.acquire() as db,
        db.transaction(isolation="repeatable_read", readonly=True),
    ):
        rows = await store.read_log(db, stream, lane, after_seq + 1, CHUNK_ROWS_MAX, CHUNK_BYTES_MAX)
        end = await store.log_end(db, stream, lane)
    following = [row for row in rows if row.last_seq > after_seq]
    checked = await asyncio.to_thread(chain.check, following, after_seq, bytes.fromhex(head))
    ended = not following
    if checked.broken is None and ended and end != (checked.read_to, checked.head):
        broken = chain.Broken(checked.read_to + 1, "end")
        checked = Checked(0, 0, checked.read_to, checked.head, (), broken)
    return _verified(checked, ended=ended)


def _verified(checked: Checked, *, ended: bool) -> Verified:
    broken = checked.broken
    here = None
    if broken is not None:
        zh, en = FAULTS[broken.fault]
        here = BrokenHere(seq=broken.seq, fault=broken.fault, zh=zh, en=en)
    return Verified(
        rows=checked.rows,
        facts=checked.facts,
        read_to=checked.read_to,
        head=checked.head.hex(),
        announced=list(checked.announced),
        broken=here,
        ended=ended,
    )


@router.get("/published-heads")
async def published_heads(
    request: Request, stream: StreamName, lane: Code, offset: Annotated[int, Query(ge=0, le=SEQ_MAX)] = 0
) -> PublishedHeads:
    """The heads that were announced on one lane, as Kafka holds them: a log that was rewritten as a whole differs."""
    own, state = _own(request, stream), request.app.state
    place = TopicPartition(own.topic(state.settings.namespace, lane), own.partition(lane))
    try:
        records, following = await kafka_reading.records_from(
            partial(kafka.make_reader, state.settings), place, offset, TOPIC_RECORDS_MAX
        )
    except (KafkaError, TimeoutError) as error:
        raise HTTPException(503, "Kafka did not answer: ask again. / Kafka 无应答，请重试。") from error
    heads = [found for record in records if record.value and (found := chain.head_of(record.value))]
    return PublishedHeads(heads=heads, records=len(records), next=following)


@router.get("/facts")
async def facts(
    request: Request,
    stream: StreamName,
    lane: Code,
    after_seq: AfterSeq = 0,
    type_: Annotated[
        list[str] | None, Query(alias="type", max_length=50, description="Only facts of these types.")
    ] = None,
) -> Response:
    """The facts of one lane as they were published, a bounded part at a time: `facts`, and `next` while more follow."""
    _own(request, stream)
    async with request.app.state.pool.acquire() as db:
        rows = await store.read_log(db, stream, lane, after_seq + 1, CHUNK_ROWS_MAX, FACTS_BYTES_MAX)
    following = [row for row in rows if row.last_seq > after_seq]
    wanted = [orjson.dumps(name) for name in type_ or ()]
    lines = [
        line
        for row in following
        for seq, line in enumerate(row.events.split(b"\n"), row.first_seq)
        if seq > after_seq and (not wanted or any(name in line for name in wanted))
    ]
    read_to = following[-1].last_seq if following else None
    body = b'{"facts":[' + b",".join(lines) + b'],"next":' + orjson.dumps(read_to) + b"}"
    return Response(body, media_type="application/json")


def _own(request: Request, stream: str) -> Stream:
    """The stream, if this service writes it. Raises HTTPException."""
    for consumer in request.app.state.consumers:
        for one in consumer.carrier.group.writes:
            found: Stream = one
            if found.pattern == stream:
                return found
    raise HTTPException(404, "This service does not publish that stream. / 本服务不发布该数据流。")
