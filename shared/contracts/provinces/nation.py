"""What the national operator publishes on lane 00, and what stands on every lane: schemes in force, targets."""

from collections.abc import Iterable, Sequence
from itertools import pairwise
from typing import Annotated, Final, Literal, NamedTuple

from pydantic import Field

from shared.contracts.envelope import AmountFen, Day, DocumentNo, LaneCode, Text, Value
from shared.contracts.provinces.terms import (
    Category,
    Figure,
    TargetAlliance,
    TargetCategory,
    TargetMeasure,
    Track,
)

RESERVATION_DAYS: Final = 365
"""Where a scheme says nothing else."""
COMPLETION_DAYS: Final = 1_825
"""Where a scheme says nothing else."""
PARTS_MAX: Final = 8
"""An award has at most so many parts."""
WHOLE_PERCENT: Final = 100
Exhausted = Literal["next", "partial", "waitlist"]
"""What becomes of a part that its budget does not carry.

`next`: what is free is given, and what lacks is asked of the next part, within that one's cap. `partial`: what is free
is given, and the rest is forgone. `waitlist`: the whole part waits in the queue of its budget.
"""
Due = Literal["confirmation", "completion"]


class SchemePart(Value):
    """One part of an award: from which pot, how much, in which year of study, and when it is granted."""

    fund_source: DocumentNo = Field(title="资金来源")
    """The pot that pays this part."""
    share_percent: Annotated[int, Field(ge=1, le=WHOLE_PERCENT)] | None = Field(
        default=None, title="比例（%）"
    )
    """Its share in percent; instead of an amount."""
    share_of: Literal["base", "tuition"] | None = Field(default=None, title="比例基数")
    """What it is a share of: the scheme's base amount, or the whole tuition."""
    amount_fen: AmountFen | None = Field(default=None, title="定额（分）")
    """Its amount in fen; instead of a share."""
    at_most_fen: AmountFen | None = Field(default=None, title="上限（分）")
    """Its cap in fen, with what the part before lacks."""
    when_exhausted: Exhausted = Field(default="waitlist", title="预算不足时")
    """What becomes of it where its budget does not carry it: the next part is asked, it is forgone, or it waits."""
    due: Due = Field(default="confirmation", title="批准条件")
    """What grants it: the institution's confirmation, or the completed course."""
    year_of_study: Annotated[int, Field(ge=1, le=PARTS_MAX)] = Field(default=1, title="学年")
    """From the second on it is committed only, until its fiscal year begins."""


class Unlike(NamedTuple):
    """Why parts are none: the field, and a sentence in both languages."""

    field: str
    zh: str
    en: str


def unlike_a_part(part: SchemePart) -> Unlike | None:
    """What contradicts itself within a part, if anything does."""
    if (part.amount_fen is None) == (part.share_percent is None):
        return Unlike("amount_fen", "定额与比例只填一项", "a part has either amount_fen or share_percent")
    if (part.share_percent is None) != (part.share_of is None):
        en = "share_percent and share_of belong together: say what it is a share of"
        return Unlike("share_of", "比例与比例基数须同时填写", en)
    if part.year_of_study > 1 and part.when_exhausted != "waitlist":
        en = "a part of a later year of study waits where its budget is exhausted"
        return Unlike("when_exhausted", "后续学年的部分在预算不足时只能候补", en)
    return None


def unlike_parts(parts: Sequence[SchemePart], fund_source: str) -> Unlike | None:
    """What contradicts itself among the parts of a scheme, if anything does."""
    if parts and fund_source != parts[0].fund_source:
        en = "fund_source is that of the first part, or left out"
        return Unlike("fund_source", "资金来源应与第一部分一致", en)
    for basis, zh in (("base", "补助标准"), ("tuition", "学费")):
        if sum(percents(parts, basis)) > WHOLE_PERCENT:
            en = f"the shares of {basis} are more than {WHOLE_PERCENT} percent together"
            return Unlike("parts", f"{zh}的各项比例合计超过 {WHOLE_PERCENT}%", en)
    for one, following in pairwise((*parts, None)):
        if one is not None and one.when_exhausted == "next" and not _takes_on(one, following):
            en = "behind a part with `next` stands one of the same year and due at the same time"
            return Unlike("parts", "“由下一来源承担”的部分之后须有同学年、同批准条件的部分", en)
    return None


def percents(parts: Iterable[SchemePart], basis: str) -> list[int]:
    """The share of each part in a basis; 0 of a part that is no share of it."""
    return [part.share_percent or 0 if part.share_of == basis else 0 for part in parts]


def _takes_on(one: SchemePart, following: SchemePart | None) -> bool:
    if following is None:
        return False
    return (one.year_of_study, one.due) == (following.year_of_study, following.due)


class SchemeActivated(Value):
    """A version of a scheme is in force from this fact on, on every lane in the lane's order. Only lane 00 sends it.

    A later version ends the earlier ones of its name on the day before its own first; what was decided stays.
    """

    scheme: Annotated[str, Field(pattern=r"^[a-z0-9-]{1,40}$")] = Field(title="办法名称")
    """Name of the scheme: small letters, digits and hyphens."""
    scheme_version: Annotated[int, Field(ge=1, le=10_000)] = Field(title="版本号")
    """Number of the version."""
    valid_from: Day = Field(title="适用起始日期")
    """First day of study that this version covers."""
    valid_until: Day | None = Field(default=None, title="适用截止日期")
    """Last such day; none until a later version ends it."""
    issuers: Annotated[tuple[Text, ...], Field(min_length=1, max_length=20)] = Field(title="发文单位")
    """Bodies that issued it."""
    eligible_categories: Annotated[tuple[Category, ...], Field(min_length=1)] = Field(title="适用工人类别")
    """A worker with any of these flags is eligible."""
    tracks: Annotated[tuple[Track, ...], Field(min_length=1)] = Field(title="适用培养类型")
    """Tracks that it covers."""
    provinces: tuple[LaneCode, ...] | None = Field(default=None, title="适用省份")
    """Lanes on which it applies; none for all."""
    amount_base_fen: AmountFen = Field(title="补助标准（分）")
    """Amount of an award in fen, cut to what tuition leaves; of a scheme in parts what they are shares of."""
    fund_source: DocumentNo = Field(title="资金来源")
    """The pot that awards are paid from; of a scheme in parts that of the first."""
    parts: Annotated[tuple[SchemePart, ...], Field(max_length=PARTS_MAX)] = Field(
        default=(), title="补助构成"
    )
    """Parts of an award in the order in which they draw on tuition; none where one pot pays all of it at once."""
    reservation_days: Annotated[int, Field(ge=1, le=3_660)] = Field(
        default=RESERVATION_DAYS, title="预留天数"
    )
    """How many days money is held for an enrollment that its institution does not confirm."""
    completion_days: Annotated[int, Field(ge=1, le=3_660)] = Field(
        default=COMPLETION_DAYS, title="结业期限天数"
    )
    """How many days the money of a part that is due at completion is held once the enrollment is confirmed."""
    lifetime_awards_per_level: Annotated[int, Field(ge=1, le=100)] | None = Field(
        default=None, title="每人每层次终身次数"
    )
    """How many awards one person may have of this scheme at one level, nationwide and for life; none for no limit."""


TargetCode = Annotated[str, Field(pattern=r"^[a-z0-9_]{1,60}$")]
"""Name of a target: small letters, digits and _."""


class TargetFilter(Value):
    """Of whom or what a target counts; where nothing is said, the whole nation."""

    lane: LaneCode | None = Field(default=None, title="限省份")
    """One province."""
    category: TargetCategory | None = Field(default=None, title="限工人类别")
    """Workers with this flag."""
    alliance: TargetAlliance | None = Field(default=None, title="限联盟")
    """The provinces of one alliance together; then no province."""


class TargetSet(Value):
    """A target is set, or set anew: a later entry of the same target counts in place of earlier ones. Lane 00 sends it.

    Reporting counts towards it from this fact on, and says at `/v1/targets` by which event each target was set.
    """

    target: TargetCode = Field(title="目标代码")
    """Which target; (target, document) is the natural key."""
    document_no: DocumentNo = Field(title="目标文号")
    """Number of the document that sets it."""
    name_zh: Text = Field(title="目标名称")
    """Its name in Chinese."""
    name_en: Text = Field(title="目标英文名称")
    """Its name in English."""
    measure: TargetMeasure = Field(title="目标指标")
    """What is counted."""
    filter: TargetFilter = Field(default=TargetFilter(), title="统计范围")
    """Of whom."""
    comparator: Literal["at_least", "more_than", "exactly"] = Field(title="比较关系")
    """How the value is meant."""
    value: Annotated[Figure, Field(gt=0)] = Field(title="目标值")
    """The value, in the measure's unit."""
    since: Day = Field(title="起始日期")
    """First day that counts."""
    until: Day = Field(title="截止日期")
    """Last day that counts."""
    baseline: Figure = Field(default=0, title="基数")
    """Where counting begins; figures of before are never added otherwise."""
    basis: Literal["planned", "actual"] = Field(title="实际或计划")
    """What kind of figure it is."""
    within: TargetCode | None = Field(default=None, title="所属目标")
    """The target that it is part of: of the same measure, and not smaller."""
    source: Text = Field(title="目标出处")
    """Who says so: a document, a plan."""
