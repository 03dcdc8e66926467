"""Schemes: rules as data, who gets how much from which pot."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Annotated, Any, Literal, Self

from pydantic import Field, model_validator

from services.subsidy.domain.fiscal_year import FIRST_OF_FEBRUARY, Closing
from services.subsidy.domain.outside import NO_CAP_PERCENT
from shared.contracts.envelope import AmountFen, Day, DocumentNo, LaneCode, Text, Value
from shared.contracts.provinces import Category, SchemePart, Track, unlike_a_part, unlike_parts
from shared.contracts.provinces.nation import COMPLETION_DAYS, PARTS_MAX, RESERVATION_DAYS

CutPolicy = Literal["clamp", "refuse"]
"""What becomes of a cut, or a carry-over, that asks for more than is free: take what is free, or nothing."""


class Part(SchemePart, extra="forbid", strict=False):
    """One part of an award, as a file or an event says it."""

    @model_validator(mode="after")
    def _agrees_with_itself(self) -> Self:
        if (found := unlike_a_part(self)) is not None:
            raise ValueError(found.en)
        return self


class Scheme(Value, extra="forbid", strict=False):
    """One version of a scheme, as reviewed and issued."""

    name: Annotated[str, Field(pattern=r"^[a-z0-9-]{1,40}$")]
    version: Annotated[int, Field(ge=1)]
    valid_from: Day
    """First day of study that this version covers."""
    valid_until: Day | None = None
    """Last such day; none while it is in force."""
    issuers: Annotated[tuple[Text, ...], Field(min_length=1)]
    """Bodies that issued it."""
    eligible_categories: Annotated[frozenset[Category], Field(min_length=1)]
    """A worker with any of these flags is eligible."""
    tracks: Annotated[frozenset[Track], Field(min_length=1)]
    provinces: Literal["all"] | frozenset[LaneCode]
    """Lanes on which it applies."""
    amount_base_fen: AmountFen
    """Amount of an award in fen, cut to what tuition leaves; of a scheme in parts what they are shares of."""
    fund_source: DocumentNo
    """The pot that awards are paid from; of a scheme in parts that of the first."""
    parts: Annotated[tuple[Part, ...], Field(max_length=PARTS_MAX)] = ()
    """Parts of an award in the order in which they draw on tuition; none where one pot pays all of it at once."""
    reservation_days: Annotated[int, Field(ge=1, le=3_660)] = RESERVATION_DAYS
    """How many days money is held for an enrollment that its institution does not confirm."""
    completion_days: Annotated[int, Field(ge=1, le=3_660)] = COMPLETION_DAYS
    """How many days the money of a part that is due at completion is held once the enrollment is confirmed."""

    lifetime_awards_per_level: Annotated[int, Field(ge=1, le=100)] | None = None
    """How many awards one person may have of this scheme at one level, nationwide and for life; none for no limit.

    All parts of an enrollment are one award.
    """

    @model_validator(mode="before")
    @classmethod
    def _names_the_first_pot(cls, values: Any) -> Any:
        """A scheme in parts need not say a second time which pot comes first."""
        match values:
            case {"fund_source": _}:
                return values
            case {"parts": [{"fund_source": first}, *_]}:
                return {**values, "fund_source": first}
            case _:
                return values

    @model_validator(mode="after")
    def _has_parts_that_fit(self) -> Self:
        if (found := unlike_parts(self.parts, self.fund_source)) is not None:
            raise ValueError(found.en)
        return self

    @model_validator(mode="after")
    def _ends_after_it_begins(self) -> Self:
        if self.valid_until is not None and self.valid_until < self.valid_from:
            raise ValueError("valid_until lies before valid_from")
        return self

    def covers(self, lane: str, start: date, track: Track) -> bool:
        """Whether an enrollment of this kind, funded by `lane`, falls under this version."""
        return (
            self.valid_from <= start
            and (self.valid_until is None or start <= self.valid_until)
            and track in self.tracks
            and (self.provinces == "all" or lane in self.provinces)
        )


@dataclass(frozen=True, slots=True)
class Rules:
    """All that decisions are made by, apart from the facts."""

    schemes: Sequence[Scheme]
    year_closing: Closing = FIRST_OF_FEBRUARY
    cuts: CutPolicy = "clamp"
    outside_percent: int = NO_CAP_PERCENT
    """How much of a budget unconfirmed enrollments that other provinces report may take together, in percent."""

    @property
    def shortest_days(self) -> int:
        """The fewest days for which money is held under any scheme."""
        return min(min(scheme.reservation_days, scheme.completion_days) for scheme in self.schemes)

    @property
    def commits(self) -> bool:
        """Whether a scheme gives anything in a later year of study."""
        return any(part.year_of_study > 1 for scheme in self.schemes for part in scheme.parts)

    def scheme_for(self, lane: str, start: date, track: Track) -> Scheme | None:
        """The scheme version that covers such an enrollment; at most one does (`overlap`)."""
        for scheme in self.schemes:
            if scheme.covers(lane, start, track):
                return scheme
        return None

    def scheme_of(self, name: str, version: int) -> Scheme | None:
        """A scheme version by its name; none where it is not in force here any more."""
        return next((one for one in self.schemes if (one.name, one.version) == (name, version)), None)


def overlap(schemes: Sequence[Scheme]) -> tuple[Scheme, Scheme] | None:
    """Two versions that could both cover one enrollment, if there are such."""
    for place, one in enumerate(schemes):
        for other in schemes[:place]:
            if _same_days(one, other) and one.tracks & other.tracks and _same_lanes(one, other):
                return other, one
    return None


def _same_days(one: Scheme, other: Scheme) -> bool:
    return one.valid_from <= (other.valid_until or date.max) and other.valid_from <= (
        one.valid_until or date.max
    )


def _same_lanes(one: Scheme, other: Scheme) -> bool:
    if one.provinces == "all" or other.provinces == "all":
        return True
    return bool(one.provinces & other.provinces)
