"""Lifetime limits: how many awards a scheme gives one person at one level, who holds them, and who has asked in vain.

An entitlement is the nation's: lanes share its row, which is locked before it is read. Who waits in a queue holds it.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from shared.contracts import enrollment

EntitlementKey = tuple[str, str, str]
"""Worker, name of the scheme, level."""
ASKERS_MAX: Final = 100
"""Of one person's enrollments at one level so many are remembered; those beyond are refused and not called again."""


Course = enrollment.WorkerEnrolledFact | enrollment.EnrollmentFacts
"""What an enrollment leads to."""


def level_of(course: Course) -> str:
    """The level of education that it gives; without one the grade of skill; without either its track."""
    if course.level_after != course.level_before:
        return course.level_after
    if course.skill_after is not None and course.skill_after != course.skill_before:
        return course.skill_after
    return course.track


@dataclass(slots=True)
class Asker:
    """One enrollment that has asked for a person's entitlement."""

    lane: str
    enrollment_no: str
    limit: int
    """How many awards the version of its scheme gives a person at one level."""
    holds: bool
    """Whether one of them is its own: in its award, in a queue, or passed on to it."""
    history_fen: int = 0
    """What was paid for it before it was kept here: history holds, whatever the limit."""

    @property
    def name(self) -> str:
        """`32/32-00001`: its lane and its number."""
        return f"{self.lane}/{self.enrollment_no}"


@dataclass(slots=True)
class Entitlement:
    """What one person may have of one scheme at one level: those who have asked, in the order in which they did."""

    worker_ref: str
    scheme: str
    level: str
    askers: list[Asker] = field(default_factory=list)
    locked: bool = False
    """Whether the batch holds its row: only then may it be written."""
    changed: bool = False

    @property
    def key(self) -> EntitlementKey:
        """Worker, name of the scheme, level."""
        return self.worker_ref, self.scheme, self.level

    def asker(self, enrollment_no: str) -> Asker | None:
        """The enrollment among those that have asked."""
        return next((one for one in self.askers if one.enrollment_no == enrollment_no), None)

    def held_by(self, but: str) -> list[str]:
        """Who holds it apart from one enrollment, in the order in which they asked."""
        return [one.name for one in self.askers if one.holds and one.enrollment_no != but]

    def put(self, lane: str, enrollment_no: str, limit: int, *, holds: bool) -> None:
        """An enrollment has asked; one that had before keeps its place in the order."""
        found = self.asker(enrollment_no)
        if found is not None:
            found.limit, found.holds = limit, holds
        elif holds or len(self.askers) < ASKERS_MAX:
            self.askers.append(Asker(lane, enrollment_no, limit, holds))
        self.changed = True

    def drop(self, enrollment_no: str) -> bool:
        """An enrollment asks no more; whether it has held."""
        found = self.asker(enrollment_no)
        if found is None:
            return False
        self.askers.remove(found)
        self.changed = True
        return found.holds

    def add_history(self, lane: str, enrollment_no: str, limit: int, amount_fen: int) -> None:
        """Count what was paid, or (negative) came back, before an enrollment was kept here: paid, it was an award."""
        found = self.asker(enrollment_no)
        if found is None:
            found = Asker(lane, enrollment_no, limit, holds=True)
            self.askers.append(found)
        found.history_fen += amount_fen
        if found.history_fen <= 0:
            self.askers.remove(found)
        self.changed = True

    def call_next(self) -> list[Asker]:
        """Pass on what is free: the earliest for whom there is room holds it from now on."""
        called = []
        for one in self.askers:
            if not one.holds and self._held() < one.limit:
                one.holds = self.changed = True
                called.append(one)
        return called

    def crowded(self) -> list[Asker]:
        """Those who hold though history has used up the limit: who still waits for money has to step back."""
        held = self._held()
        return [one for one in self.askers if one.holds and not one.history_fen and held > one.limit]

    def _held(self) -> int:
        return sum(one.holds for one in self.askers)


def inputs_of(entitlement: Entitlement, enrollment_no: str) -> dict[str, Any]:
    """What the limit adds to the inputs of a decision, so that it can be derived again."""
    return {"level": entitlement.level, "held_by": entitlement.held_by(enrollment_no)}


def step_of(limit: int, held_by: Sequence[str]) -> dict[str, Any]:
    """The step that compares what is held with the limit."""
    return {"step": "lifetime", "limit": limit, "held": len(held_by), "by": list(held_by)}


def holder_of(step: dict[str, Any]) -> tuple[str, str]:
    """Lane and number of the enrollment that holds what another one was refused; of several the first."""
    lane, _, number = step["by"][0].partition("/")
    return lane, number
