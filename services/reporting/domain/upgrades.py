"""Which level of education, and which grade of skill, is higher than which."""

from typing import Final, get_args

from shared.contracts.provinces import EducationLevel, SkillLevel

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
_SKILL_RANK: Final[dict[str, int]] = {level: rank for rank, level in enumerate(get_args(SkillLevel))}


def is_upgrade(before: EducationLevel, after: EducationLevel) -> bool:
    """Whether `after` is a higher level of education than `before`."""
    return _RANK[after] > _RANK[before]


def is_skill_upgrade(before: SkillLevel, after: SkillLevel) -> bool:
    """Whether `after` is a higher of the eight grades than `before`."""
    return _SKILL_RANK[after] > _SKILL_RANK[before]
