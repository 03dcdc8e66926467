"""An enrollment's state is where its steps lead in the order of their days, whatever the order of their arrival."""

import itertools
import re
from collections.abc import Callable
from datetime import date, timedelta
from typing import Any, get_args

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from services.enrollment.domain.enrollment_rules import STEPS_MAX
from services.enrollment.domain.lifecycle import CREDENTIAL, ENROLLMENT, WAITS, State, StepKind
from services.enrollment.domain.person import known_of
from tests.enrollment.events import (
    certified,
    completed,
    confirmed,
    enrolled,
    established,
    registered,
    resumed,
    returned,
    settled,
    suspended,
    withdrawn,
    worker_ref,
)
from tests.enrollment.memory import TODAY, Books

Event = dict[str, Any]
Sent = tuple[str, Event]
A = worker_ref("A")
NO = "32-1"


def studying() -> Books:
    """A register in which A is enrolled under NO, which lane 34 funds."""
    books = Books()
    books.ask_all(registered(A), enrolled(A, NO, funding="34"))
    return books


def saying(event: Event, **data: Any) -> Event:
    """The event with other data."""
    return event | {"data": event["data"] | data}


# ---------------------------------------------------------------- the table


def test_every_state_can_be_reached_and_what_has_ended_has_no_next_step() -> None:
    reached = {"enrolled", *(to for to in ENROLLMENT.values() if to != WAITS)}
    assert reached == set(get_args(State))
    assert {state for state, _ in ENROLLMENT} == reached - {"withdrawn", "completed"}
    assert {step for _, step in ENROLLMENT} == set(get_args(StepKind))
    assert set(CREDENTIAL.values()) == {"held"}


def test_only_what_an_earlier_event_may_allow_waits() -> None:
    assert {step for (_, step), to in ENROLLMENT.items() if to == WAITS} == {"resumed"}


def test_a_step_that_is_not_allowed_is_refused_with_the_current_state_and_its_day() -> None:
    books = studying()
    books.ask_all(withdrawn(A, NO))
    assert books.ask(completed(A, NO)) == ("rejected", "wrong_state")
    said = books.results.receipts[-1].receipt
    assert "“withdrawn (since 2026-10-01)”" in said["message_en"]
    assert "“withdrawn（2026-10-01起）”" in said["message_zh"]


def test_resumed_before_suspended_waits_and_goes_on_by_itself() -> None:
    books = studying()
    back = resumed(A, NO, "2027-02-01")
    assert books.ask(back) == ("parked", "waits_for")
    assert "an earlier step of enrollment 32-1" in books.results.receipts[-1].receipt["message_en"]
    assert books.ask(suspended(A, NO, "2026-11-01")) == ("accepted", None)
    assert books.results.receipts[-1].receipt["event_id"] == back["id"]
    assert books.results.receipts[-1].receipt["status"] == "accepted"
    assert books.register.enrollments[NO].state == "enrolled"


def test_a_resumption_still_waits_when_the_course_has_ended_meanwhile() -> None:
    books = studying()
    books.ask_all(completed(A, NO))
    assert books.ask(resumed(A, NO, "2027-02-01")) == ("parked", "waits_for")
    assert books.ask(suspended(A, NO, "2026-11-01")) == ("accepted", None)
    assert not books.register.parked
    assert books.register.enrollments[NO].state == "completed"


@pytest.mark.parametrize("end", [withdrawn, completed])
def test_a_confirmation_that_lies_before_the_end_is_taken_after_it(end: Callable[[str, str], Event]) -> None:
    books = studying()
    books.ask_all(end(A, NO))
    state = books.register.enrollments[NO].state
    assert books.ask(confirmed(A, NO, lane="34"), lane="34") == ("accepted", None)
    assert books.register.enrollments[NO].state == state
    again = confirmed(A, NO, lane="34")
    assert books.ask(again, lane="34") == ("rejected", "already_recorded")


def test_a_confirmation_that_lies_after_the_end_is_refused() -> None:
    books = studying()
    books.ask_all(withdrawn(A, NO))
    late = saying(confirmed(A, NO, lane="34"), confirmed_on="2026-10-02")
    assert books.ask(late, lane="34") == ("rejected", "wrong_state")


def test_one_more_step_than_an_enrollment_holds_is_refused() -> None:
    books = studying()
    for n in range(STEPS_MAX):
        books.ask_all(suspended(A, NO, (date(2026, 9, 1) + timedelta(n)).isoformat()))
    assert books.ask(suspended(A, NO, "2027-12-01")) == ("rejected", "invalid")


# ---------------------------------------------------------------- every order of one life over two lanes

LIVES: dict[str, list[Sent]] = {
    "interrupted and completed": [
        ("34", registered(A, lane="34")),
        ("32", enrolled(A, NO, funding="34")),
        ("34", confirmed(A, NO, lane="34")),
        ("32", suspended(A, NO)),
        ("34", resumed(A, NO, lane="34")),
        ("32", completed(A, NO)),
    ],
    "interrupted twice and left": [
        ("32", enrolled(A, NO, funding="34")),
        ("34", suspended(A, NO, "2026-09-10", lane="34")),
        ("32", resumed(A, NO, "2026-09-12")),
        ("32", suspended(A, NO, "2026-09-15")),
        ("34", resumed(A, NO, "2026-09-20", lane="34")),
        ("32", withdrawn(A, NO)),
    ],
    "in a project, paid and paid back": [
        ("32", registered(A)),
        ("34", established("j-1", lane="34")),
        ("32", saying(enrolled(A, NO, funding="34"), project_no="j-1", project_province="34")),
        ("34", settled(A, NO, 1, lane="34")),
        ("34", returned(A, NO, 1, lane="34")),
        ("32", certified(A, "c-1", enrollment_no=NO)),
    ],
}


FIRST = registered(A)


def told(life: list[Sent]) -> Books:
    """A register to which the events have come in this order; A is registered before, where they do not say it."""
    books = Books()
    if not any(event["type"] == FIRST["type"] for _, event in life):
        books.ask_all(FIRST)
    for lane, event in life:
        books.ask_all(event, lane=lane)
    return books


def picture(books: Books) -> Any:
    """What the register has come to, and the facts that it has published, without their order."""
    register = books.register
    enrollments = [
        (e.number, e.state, e.state_event_id, e.event_id, sorted(e.steps), e.facts)
        for e in register.enrollments.values()
    ]
    workers = [
        (w.ref, w.registered_by, known_of(w.statements, TODAY, ("categories", "origin_province")))
        for w in register.workers.values()
    ]
    facts = sorted((f.cause.id, f.lane, repr(f.data)) for f in books.results.facts)
    return enrollments, workers, register.naturals, register.referents, facts


@pytest.mark.parametrize("name", LIVES)
def test_every_order_of_a_life_over_two_lanes_ends_in_the_same_register(name: str) -> None:
    in_order = picture(told(LIVES[name]))
    for order in itertools.permutations(LIVES[name]):
        books = told(list(order))
        assert picture(books) == in_order, [event["type"] for _, event in order]
        assert not books.register.parked
        assert all(state.parked == 0 for state in books.register.lanes.values())


# ---------------------------------------------------------------- any steps, against a model that is read at a glance

START = date(2026, 9, 1)
STEPS: dict[str, tuple[str, Callable[..., Event], str]] = {
    "C": ("34", confirmed, "confirmed_on"),
    "S": ("32", suspended, "suspended_on"),
    "R": ("34", resumed, "resumed_on"),
    "W": ("32", withdrawn, "withdrawn_on"),
    "D": ("34", completed, "completed_on"),
}
ALLOWED = re.compile(r"(S+R)*S*[WD]?")
"""Besides one confirmation anywhere before the end: interrupted, resumed, interrupted again; one end."""


def allowed(way: str) -> bool:
    """Whether these steps, in the order of their days, make a life."""
    confirmed_in_time = "C" not in way or not re.search("[WD].*C", way)
    return way.count("C") <= 1 and confirmed_in_time and bool(ALLOWED.fullmatch(way.replace("C", "")))


def may_become_allowed(way: str) -> bool:
    """Whether interruptions that have not come yet would make it one."""
    return allowed(re.sub("R", "SR", way))


class Life(RuleBasedStateMachine):
    """One enrollment; steps come on any day from two lanes, again and again, before and after it is made."""

    def __init__(self) -> None:
        super().__init__()
        self.books = Books()
        self.books.ask_all(registered(A))
        self.made = False
        self.recorded: list[tuple[int, str, str]] = []
        """(day, letter, event id): what the model has accepted."""
        self.waiting: list[tuple[int, str, str]] = []
        self.sent: list[Sent] = []

    @precondition(lambda self: not self.made)
    @rule()
    def enroll(self) -> None:
        self.books.ask_all(enrolled(A, NO, funding="34"))
        self.made = True
        self._let_go_on()

    @rule(letter=st.sampled_from("CSSRRWD"), day=st.integers(0, 9))
    def step(self, letter: str, day: int) -> None:
        lane, make, field = STEPS[letter]
        on = {field: (START + timedelta(day)).isoformat()}
        event = saying(make(A, NO, lane=lane), **on)
        self.sent.append((lane, event))
        assert self.books.ask(event, lane=lane)[0] == self._judge((day, letter, event["id"]))

    @precondition(lambda self: self.sent)
    @rule(data=st.data())
    def send_again(self, data: st.DataObject) -> None:
        lane, event = data.draw(st.sampled_from(self.sent))
        known = {step[2] for step in (*self.recorded, *self.waiting)}
        if event["id"] in known:
            waits = event["id"] in {step[2] for step in self.waiting}
            code = "duplicate_waiting" if waits else "duplicate"
            assert self.books.ask(event, lane=lane) == ("duplicate", code)

    def _judge(self, step: tuple[int, str, str]) -> str:
        day, letter, _ = step
        if not self.made:
            self.waiting.append(step)
            return "parked"
        if any(other == letter and (other not in "SR" or on == day) for on, other, _ in self.recorded):
            return "rejected"
        way = "".join(one for _, one, _ in sorted((*self.recorded, step), key=_place))
        if not allowed(way):
            if may_become_allowed(way):
                self.waiting.append(step)
                return "parked"
            return "rejected"
        self.recorded.append(step)
        self._let_go_on()
        return "accepted"

    def _let_go_on(self) -> None:
        waiting, self.waiting = self.waiting, []
        for step in waiting:
            self._judge(step)

    @invariant()
    def the_register_knows_what_the_model_knows(self) -> None:
        register = self.books.register
        assert {parked[2] for parked in register.parked} == {step[2] for step in self.waiting}
        assert sum(state.parked for state in register.lanes.values()) == len(self.waiting)
        if self.made:
            steps = register.enrollments[NO].steps
            assert {step.event_id for step in steps} == {step[2] for step in self.recorded}
            way = "".join(one for _, one, _ in sorted(self.recorded, key=_place))
            assert register.enrollments[NO].state == _state(way)

    @invariant()
    def each_record_has_at_most_one_final_receipt(self) -> None:
        finals = [
            (out.lane, out.receipt["offset"])
            for out in self.books.results.receipts
            if out.receipt["status"] != "parked"
        ]
        assert len(set(finals)) == len(finals)


def _place(step: tuple[int, str, str]) -> tuple[int, int]:
    return step[0], "CSRWD".index(step[1])


def _state(way: str) -> str:
    if way and way[-1] in "WD":
        return "withdrawn" if way[-1] == "W" else "completed"
    away = way.replace("C", "").endswith("S")
    if "C" in way:
        return "suspended" if away else "confirmed"
    return "suspended_unconfirmed" if away else "enrolled"


TestLife = Life.TestCase
