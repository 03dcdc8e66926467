"""A register in memory that holds whatever a test asks about, so that rules are tried without Kafka and PostgreSQL."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date
from typing import Any

import orjson

from services.enrollment.domain.intake import Results, published_of, take_in
from services.enrollment.domain.judging import Keys
from services.enrollment.domain.register import Enrollment, LaneState, Register, Worker
from shared.contracts.lanes import NATION
from shared.contracts.provinces import OF_THE_NATION
from shared.contracts.submission import Submission, read
from tests.enrollment.events import enrolled, registered, worker_ref

TODAY = date(2026, 9, 3)
LANES = ("32", "34")
Answer = tuple[str, str | None]


def register_of(lanes: Iterable[str] = LANES) -> Register:
    """An empty register of a batch that holds `lanes`."""
    states = {lane: LaneState(TODAY, 0) for lane in lanes}
    return Register({}, {}, {}, {}, defaultdict(list), states, today=TODAY)


@dataclass
class Books:
    """A register and all that taking events in has led to."""

    register: Register = field(default_factory=register_of)
    results: Results = field(default_factory=Results)
    sent: int = 0

    def take(self, submission: Submission) -> Answer:
        """Load what it touches, as the store would, and take it in: status and code of its first receipt."""
        keys = Keys()
        keys.add(submission)
        for ref in keys.workers:
            self.register.workers.setdefault(ref, Worker(ref))
        for number in keys.enrollments:
            self.register.enrollments.setdefault(number, Enrollment(number))
        for referent in keys.referents:
            self.register.referents.setdefault(referent, None)
        if keys.corrected:
            self._load_corrected(keys)
        before = len(self.results.receipts)
        take_in(self.register, submission, TODAY, self.results)
        receipt = self.results.receipts[before].receipt
        return receipt["status"], receipt["code"]

    def _load_corrected(self, keys: Keys) -> None:
        register, facts = self.register, [published_of(fact) for fact in self.results.facts]
        ids = [(fact.cause.lane, fact.cause.source or "", fact.cause.id or "") for fact in self.results.facts]
        for id_ in keys.corrected:
            of_it = [fact for fact, out in zip(facts, self.results.facts, strict=True) if out.type is None]
            of_it = [fact for fact, by in zip(facts, ids, strict=True) if by == id_ and fact in of_it]
            if of_it:
                register.targets[id_] = of_it[0]
        register.published = {ref: [fact for fact in facts if fact.subject == ref] for ref in keys.histories}
        register.named_by = defaultdict(list)
        for missing, event_id in register.new_names:
            register.named_by[missing].append(event_id)

    def ask(self, event: dict[str, Any], *, lane: str = "") -> Answer:
        """Take in an event as `lane` sends it: 32, or the nation where only that may."""
        self.sent += 1
        lane = lane or (NATION if event.get("type") in OF_THE_NATION else "32")
        return self.take(read(orjson.dumps(event), (), lane, 1000 + self.sent))

    def ask_all(self, *events: dict[str, Any], lane: str = "") -> None:
        """Take in events of which none may be refused."""
        for event in events:
            status, code = self.ask(event, lane=lane)
            assert status in {"accepted", "parked"}, (event, code)

    def first_of(self, event: dict[str, Any]) -> str | None:
        """The event that its last receipt names as standing in the way."""
        mine = (out.receipt for out in reversed(self.results.receipts))
        first: str | None = next(
            receipt["first_event_id"]
            for receipt in mine
            if (receipt["event_source"], receipt["event_id"]) == (event["source"], event["id"])
        )
        return first

    def status_at(self, offset: int, *, lane: str = "32") -> list[str]:
        """The receipts for the record at `offset`, in order."""
        mine = (out.receipt for out in self.results.receipts if out.lane == lane)
        return [receipt["status"] for receipt in mine if receipt["offset"] == offset]


A, B = worker_ref("A"), worker_ref("B")
NO = "32-1"


def studying(funding: str = "32") -> Books:
    """A register in which A is enrolled under NO."""
    books = Books(register_of(("32", "34", "50")))
    books.ask_all(registered(A), enrolled(A, NO, funding=funding))
    return books
