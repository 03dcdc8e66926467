"""Which of a worker's enrollments overlap: the same level at the same time, reported by two provinces."""

from collections.abc import Iterable

from services.enrollment.domain.register import Enrollment

_ENDED = frozenset({"withdrawn", "completed"})
_NEVER = "9999-12-31"


def overlapping(new: Enrollment, others: Iterable[Enrollment]) -> list[Enrollment]:
    """Those that overlap `new`; what was back-loaded or has ended overlaps nothing."""
    return [other for other in others if _overlap(new, other)]


def _overlap(new: Enrollment, other: Enrollment) -> bool:
    if new.number[:2] == other.number[:2] or other.state in _ENDED:
        return False
    one, two = new.facts, other.facts
    if one.get("history") or two.get("history"):
        return False
    same = all(one[name] == two[name] for name in ("level_after", "track"))
    return same and one["start"] <= _end(two) and two["start"] <= _end(one)


def _end(facts: dict[str, str]) -> str:
    return facts.get("planned_end") or _NEVER
