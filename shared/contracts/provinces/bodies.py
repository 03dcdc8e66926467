"""What provinces say of bodies: projects, institutions, alliances, and how much they themselves have sent."""

from typing import Annotated, Final, Literal

from pydantic import Field

from shared.contracts.envelope import Day, DocumentNo, LaneCode, Text, Value
from shared.contracts.provinces.terms import (
    CityCode,
    Comparator,
    Figure,
    Heads,
    Institution,
    OutcomeMeasure,
    Sector,
)

OUTCOMES_MAX: Final = 40
TYPES_MAX: Final = 40
SECTORS_MAX: Final = 40
EVENT_TYPE_PATTERN: Final = r"^dreams\.[a-z_]+\.[a-z_]+\.v[0-9]{1,4}$"


class ProjectEstablished(Value):
    """A project of the programme is set up; the national target counts them."""

    project_no: DocumentNo = Field(title="项目编号")
    """The natural key within the lane."""
    name: Text = Field(title="项目名称")
    """Name of the project."""
    lead: Text = Field(title="牵头单位")
    """Body that leads it."""
    established_on: Day = Field(title="设立日期")
    """Day on which it was set up."""
    sector: Sector | None = Field(default=None, title="行业门类")
    """Section of GB/T 4754, where it has one."""


class InstitutionJoined(Value):
    """A provider of education takes part in the programme; its code is the natural key."""

    institution: Institution = Field(title="院校")
    """Who: a code of the national list (digits only) is one institution for all provinces."""
    kind_in_words: Text | None = Field(default=None, title="类型说明")
    """What it is where the kinds do not say: the list of kinds is open, in words."""
    city: CityCode | None = Field(default=None, title="所在城市")
    """Where it is, four digits."""
    joined_on: Day = Field(title="加入日期")
    """First day."""


class AllianceMembers(Value):
    """How many bodies of one kind belong to an alliance."""

    kind: Literal[
        "university", "vocational_college", "craftsman_academy", "enterprise", "federation", "other"
    ] = Field(title="成员类型")
    """Kind of body."""
    count: Heads = Field(title="成员数量")
    """How many."""


class DeclaredOutcome(Value):
    """What an alliance means to reach, as declared: never mixed with what the stream counts."""

    measure: OutcomeMeasure = Field(title="指标")
    """What is counted."""
    comparator: Comparator = Field(title="比较关系")
    """How the figure is meant."""
    value: Figure = Field(title="数值")
    """The figure."""
    since: Day = Field(title="起始日期")
    """First day that counts."""
    until: Day = Field(title="截止日期")
    """Last day that counts."""
    apart_from: OutcomeMeasure | None = Field(default=None, title="不重复计入的指标")
    """Who is counted there is not counted here: skills of **other** persons than those of education."""


class ReportedOutcome(Value):
    """What an alliance says it has reached."""

    measure: OutcomeMeasure = Field(title="指标")
    """What is counted."""
    comparator: Comparator = Field(title="比较关系")
    """How the figure is meant."""
    value: Figure = Field(title="数值")
    """The figure."""


class AllianceFormed(Value):
    """An alliance by sectors is formed; members over several provinces share its credit, which counts once."""

    alliance_no: DocumentNo = Field(title="联盟编号")
    """The lead body's number; (lead, number) is the natural key in the whole nation."""
    alliance_name: Text = Field(title="联盟名称")
    """Name of the alliance."""
    lead: Text = Field(title="牵头单位")
    """Body that leads it."""
    sectors: Annotated[tuple[Text, ...], Field(min_length=1, max_length=SECTORS_MAX)] = Field(
        title="产业领域"
    )
    """Sectors in the lead's own words: an open list."""
    provinces: Annotated[tuple[LaneCode, ...], Field(min_length=1, max_length=34)] = Field(title="成员省份")
    """Provinces of its members."""
    members: Annotated[tuple[AllianceMembers, ...], Field(max_length=10)] = Field(
        default=(), title="成员构成"
    )
    """How many members of each kind, over all its provinces."""
    outcomes: Annotated[tuple[DeclaredOutcome, ...], Field(max_length=OUTCOMES_MAX)] = Field(
        default=(), title="预期成果"
    )
    """What it means to reach."""
    formed_on: Day = Field(title="成立日期")
    """Day on which it was formed."""


class AllianceReported(Value):
    """An alliance reports what it has reached in a period; waits for the alliance."""

    alliance_no: DocumentNo = Field(title="联盟编号")
    """The lead body's number of the alliance."""
    lead: Text = Field(title="牵头单位")
    """Body that leads it: (lead, number) names the alliance."""
    report_no: DocumentNo = Field(title="报告文号")
    """Number of the report; (lead, alliance, report) is the natural key."""
    since: Day = Field(title="起始日期")
    """First day of the period."""
    until: Day = Field(title="截止日期")
    """Last day of the period."""
    outcomes: Annotated[tuple[ReportedOutcome, ...], Field(min_length=1, max_length=OUTCOMES_MAX)] = Field(
        title="完成情况"
    )
    """What was reached in it."""


class ControlTotalsDeclared(Value):
    """How many events of some types the province sent in a period, by its own count: shows what was lost on the way."""

    since: Day = Field(title="起始日期")
    """First day; (lane, first day, last day, types) is the natural key."""
    until: Day = Field(title="截止日期")
    """Last day."""
    event_types: Annotated[
        tuple[Annotated[str, Field(pattern=EVENT_TYPE_PATTERN)], ...],
        Field(min_length=1, max_length=TYPES_MAX),
    ] = Field(title="事件类型清单")
    """Full names of the types that are counted."""
    events: Figure = Field(title="事件数量")
    """Events sent, each id once."""
