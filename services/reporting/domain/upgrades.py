"""Which level of education is higher than which."""

from typing import Final

from shared.contracts.provinces import EducationLevel

_RANK: Final[dict[EducationLevel, int]] = {
    "primary": 1,
    "junior_high": 2,
    "senior_high": 3,
    "secondary_vocational": 3,
    "associate": 4,
    "bachelor": 5,
    "master": 6,
    "doctorate": 7,
}


def is_upgrade(before: EducationLevel, after: EducationLevel) -> bool:
    """Whether `after` is a higher level of education than `before`."""
    return _RANK[after] > _RANK[before]
