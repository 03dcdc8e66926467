"""The envelope: CloudEvents 1.0 attributes and our extensions, around typed data."""

import hashlib
from datetime import UTC, date, datetime, time
from typing import Annotated, Any, Final, Generic, Literal, TypeVar
from zoneinfo import ZoneInfo

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from shared.contracts.lanes import LANE_CODES

SHANGHAI: Final = ZoneInfo("Asia/Shanghai")
EARLIEST: Final = date(1950, 1, 1)
LATEST: Final = date(2099, 12, 31)
MONTHS_EN: Final = (
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
)
"""The months as people read them in English, January first; no locale has a say in it."""
_EARLIEST_TIME: Final = datetime(1950, 1, 1, tzinfo=UTC)
_LATEST_TIME: Final = datetime(2100, 1, 1, tzinfo=UTC)
MAX_AMOUNT_FEN: Final = 2**53 - 1
"""The largest amount: what every JSON reader in the country holds exactly (RFC 8259, section 6)."""
EVENT_MAX_BYTES: Final = 1024 * 1024
"""One event, at every door: larger ones are refused."""

WORKER_REF_PATTERN: Final = r"^k[0-9]{1,3}\.[A-Z2-7]{52}$"
SOURCE_PATTERN: Final = r"^//[A-Za-z0-9._~/-]{1,120}$"


class Value(BaseModel):
    """Base of everything in an event: immutable, strict types, unknown fields ignored unless the door forbids."""

    model_config = ConfigDict(frozen=True, extra="ignore", strict=True, use_attribute_docstrings=True)


Day = Annotated[date, Field(ge=EARLIEST, le=LATEST)]
"""A calendar day in Shanghai."""
Time = Annotated[AwareDatetime, Field(ge=_EARLIEST_TIME, lt=_LATEST_TIME)]
"""An instant with its offset."""
AmountFen = Annotated[int, Field(gt=0, le=MAX_AMOUNT_FEN)]
"""Money: a positive whole number of fen (1 yuan = 100 fen)."""
TotalFen = Annotated[int, Field(ge=0, le=MAX_AMOUNT_FEN)]
"""Money: a whole number of fen that may be nothing."""
WorkerRef = Annotated[str, Field(pattern=WORKER_REF_PATTERN)]
"""Pseudonym of a worker: key version and keyed hash of the identity number, the same in every province."""
LaneCode = Literal[LANE_CODES]  # type: ignore[valid-type]
"""Two digits of a lane: a province, `00` the nation or `66` the Corps."""
Text = Annotated[str, Field(min_length=1, max_length=200)]
# Not \w: readers of the published JSON Schema know it as ASCII only (ECMA-262), and these numbers are Chinese.
DocumentNo = Annotated[str, Field(pattern=r"^[\p{L}\p{N}_./()〔〕（）-]{1,64}$")]
"""A number that a body gave its document: letters (also Chinese), digits and _./()〔〕-."""

D_co = TypeVar("D_co", bound=BaseModel, covariant=True)


class ProvinceEvent(Value, Generic[D_co]):
    """An event as a province sends it: structured CloudEvents 1.0."""

    specversion: Literal["1.0"] = Field(title="规范版本")
    """Version of CloudEvents."""
    id: Annotated[str, Field(min_length=1, max_length=128)] = Field(title="事件编号")
    """The producer's own; unique per source for ever."""
    source: Annotated[str, Field(pattern=SOURCE_PATTERN)] = Field(title="来源系统")
    """`//provinces/<code>/<system>`."""
    type: str = Field(title="事件类型")
    """`dreams.<noun>.<verb in the past>.v<major>`."""
    subject: Annotated[str, Field(max_length=128)] | None = Field(default=None, title="工人代号")
    """The worker_ref, where the event is about a worker."""
    time: Time = Field(title="发生时间")
    """When it happened."""
    datacontenttype: Literal["application/json"] = Field(default="application/json", title="内容类型")
    """What `data` is: JSON."""
    dataschema: Annotated[str, Field(max_length=256)] | None = Field(default=None, title="内容合同")
    """Where the schema of `data` stands; nobody reads it here."""
    supersedes: Annotated[str, Field(min_length=1, max_length=128)] | None = Field(
        default=None, title="更正的事件编号"
    )
    """Id of an earlier event of the same source and type that this one corrects: the earlier one no longer counts."""
    data: D_co = Field(title="内容")
    """What the event says."""


class Fact(Value, Generic[D_co]):
    """An event as one of our services publishes it."""

    specversion: Literal["1.0"] = "1.0"
    """Version of CloudEvents."""
    id: str
    """Derived from its cause: the same decision made again has the same id."""
    source: str
    """`//<service>/<log id>`: another log id is another history."""
    type: str
    """`dreams.<noun>.<verb in the past>.v<major>`."""
    subject: str | None = None
    """The worker_ref, where the event is about a worker."""
    time: datetime
    """When it happened."""
    recordedtime: datetime
    """When the publishing service recorded it; never before the lane's last."""
    datacontenttype: Literal["application/json"] = "application/json"
    """What `data` is: JSON."""
    lane: str
    """Two digits: a province, `00` the nation or `66` the Corps."""
    seq: int
    """1, 2, 3 … without gaps on (topic, lane)."""
    causationid: str | None = None
    """The id of the event that led to this one."""
    correlationid: str | None = None
    """The id of the province's event at the start."""
    data: D_co
    """What the event says."""


for _envelope in (ProvinceEvent, Fact):
    # Their docstrings are read by now. For each type that is put into them pydantic would look for docstrings again, in
    # the source of whoever does so: most of the time that a service takes to start.
    _envelope.model_config["use_attribute_docstrings"] = False

Json = dict[str, Any]


def event_type(noun_verb: str, major: int = 1) -> str:
    """The full type of an event: `worker.enrolled` becomes `dreams.worker.enrolled.v1`."""
    return f"dreams.{noun_verb}.v{major}"


def derived_id(*parts: object) -> str:
    """An id that derives from its cause: the same decision made again has the same id."""
    return hashlib.sha256("\x1f".join(map(str, parts)).encode()).hexdigest()[:32]


def day_begins(day: date) -> datetime:
    """The instant at which a Shanghai day begins: what was recorded by the end of a day lies before the next one's."""
    return datetime.combine(day, time(), SHANGHAI)


def shanghai_day(instant: datetime) -> date:
    """The calendar day in Shanghai on which `instant` falls: every day and fiscal year of the system is such."""
    return instant.astimezone(SHANGHAI).date()
