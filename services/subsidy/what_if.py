"""Rehearses a lane's history under another scheme or budget: reads facts from its input, writes what came of them.

The first line names what is supposed, each other one is a fact of the lane; nothing but the answer is written, and
no service or database is touched. `dreams what-if` feeds it.
"""

import sys
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

import orjson
from pydantic import ConfigDict, TypeAdapter
from pydantic.dataclasses import dataclass as checked

from services.subsidy.config import SchemeError, load_scheme
from services.subsidy.domain.deciding import READ
from services.subsidy.domain.fiscal_year import Closing
from services.subsidy.domain.rehearsing import Rehearsal, difference
from services.subsidy.domain.schemes import CutPolicy, Rules, Scheme
from shared.contracts.envelope import Fact

WRONG: Final = 2


@checked(frozen=True, config=ConfigDict(extra="forbid"))
class Supposed:
    """What is to be rehearsed."""

    lane: str
    year: int
    schemes: list[Scheme]
    """Those that the service began with: what the lane has activated since is among its facts."""
    closes_month: int
    closes_day: int
    """The day of the following year on which a fiscal year closes."""
    budget_cuts: CutPolicy
    """What becomes of a cut that asks for more than is free."""
    outside_reservations_percent: int
    """How much of a budget unconfirmed enrollments that other provinces report may take together; 100: no cap."""
    scheme_file: Path | None
    """A scheme to be tried; none leaves those in force."""
    budgets_fen: dict[str, int]
    """Pots of the year with the money to be supposed."""


@dataclass(slots=True)
class Pair:
    """The same history twice: as it was decided, and as it would have been."""

    in_force: Rehearsal
    supposed: Rehearsal
    facts: int = 0

    def take(self, fact: Fact[Any]) -> None:
        """Decide the next fact in both."""
        self.facts += 1
        self.in_force.take(fact)
        self.supposed.take(fact)

    def answer(self) -> dict[str, Any]:
        """What came of both, and whom the difference would have met."""
        return {
            "facts": self.facts,
            "in_force": asdict(self.in_force.outcome()),
            "supposed": asdict(self.supposed.outcome()),
            "difference": asdict(difference(self.in_force, self.supposed)),
            "schemes": [
                {
                    "name": s.name,
                    "version": s.version,
                    "valid_from": s.valid_from,
                    "valid_until": s.valid_until,
                }
                for s in self.supposed.schemes()
            ],
        }


def rehearse(lines: Iterable[bytes]) -> dict[str, Any]:
    """The answer to a first line and the facts that follow it; SchemeError says what is wrong with the file."""
    feed = iter(lines)
    pair = _pair(TypeAdapter(Supposed).validate_json(next(feed)))
    adapters = {kind: TypeAdapter(Fact[model]) for kind, model in READ.items()}  # type: ignore[valid-type]
    for line in feed:
        adapter = adapters.get(orjson.loads(line)["type"])
        if adapter is not None:
            pair.take(adapter.validate_json(line))
    return pair.answer()


def _pair(asked: Supposed) -> Pair:
    closing = Closing(asked.closes_month, asked.closes_day)
    rules = Rules(tuple(asked.schemes), closing, asked.budget_cuts, asked.outside_reservations_percent)
    supposed = load_scheme(asked.scheme_file) if asked.scheme_file else None
    return Pair(
        Rehearsal(rules, asked.lane, asked.year),
        Rehearsal(rules, asked.lane, asked.year, asked.budgets_fen, supposed),
    )


def main() -> int:
    """Rehearse what comes on standard input; the answer is JSON on standard output."""
    try:
        answer = rehearse(sys.stdin.buffer)
    except SchemeError as error:
        sys.stderr.write(f"{error}\n")
        return WRONG
    sys.stdout.buffer.write(orjson.dumps(answer))
    return 0


if __name__ == "__main__":
    sys.exit(main())
