"""What the national operator publishes on lane 00, and what stands on every lane: a scheme is in force."""

from typing import Annotated, Final

from pydantic import Field

from shared.contracts.envelope import AmountFen, Day, DocumentNo, LaneCode, Text, Value
from shared.contracts.provinces.terms import Category, Track

RESERVATION_DAYS: Final = 365
"""Where a scheme says nothing else."""


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
    """Amount of an award in fen, cut to what tuition leaves."""
    fund_source: DocumentNo = Field(title="资金来源")
    """The pot that awards are paid from."""
    reservation_days: Annotated[int, Field(ge=1, le=3_660)] = Field(
        default=RESERVATION_DAYS, title="预留天数"
    )
    """How many days money is held for an enrollment that its institution does not confirm."""
    lifetime_awards_per_level: Annotated[int, Field(ge=1, le=100)] | None = Field(
        default=None, title="每人每层次终身次数"
    )
    """How many awards one person may have of this scheme at one level, nationwide and for life; none for no limit."""
