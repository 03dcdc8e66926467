"""Writes decisions down: journal entries, in the words of the facts that announce them."""

from collections.abc import Mapping
from typing import Any

from services.subsidy.domain.book import Award, Book, Budget, Cause, Claim, Entry, Payment, Posting
from shared.contracts.envelope import Fact


def cause_of(fact: Fact[Any]) -> Cause:
    """A fact as the cause of what is decided about it."""
    return Cause(fact.id, fact.time, fact.correlationid)


def note(
    book: Book,
    award: Award,
    cause: Cause,
    kind: str,
    inputs: Mapping[str, Any],
    steps: list[dict[str, Any]],
    more: Mapping[str, Any],
    postings: tuple[Posting, ...] = (),
) -> None:
    """Write down a decision about an award, in the words of its contract."""
    said = {
        "award_id": f"award-{award.key}",
        "enrollment_no": award.enrollment_no,
        "fiscal_year": award.fiscal_year,
        "fund_source": award.fund_source,
        "amount_fen": award.amount_fen,
        "scheme": award.scheme,
        "scheme_version": award.scheme_version,
        "categories": award.categories,
        "track": award.track,
        **more,
    }
    if award.parts > 1:
        said |= {"part": award.part, "due": "completion" if award.completion_days else "confirmation"}
        inputs = {**inputs, "part": award.part}
    write_down(book, award, cause, kind, inputs, steps, said, postings)


def write_down(
    book: Book,
    award: Award,
    cause: Cause,
    kind: str,
    inputs: Mapping[str, Any],
    steps: list[dict[str, Any]],
    said: dict[str, Any],
    postings: tuple[Posting, ...] = (),
) -> None:
    """Write down a decision, in the words that its contract asks for."""
    book.entries.append(
        Entry(
            award.lane,
            book.next_entry(award.lane),
            kind,
            _about(award, said),
            award.enrollment_no,
            award.worker_ref,
            cause,
            award.scheme or None,
            award.scheme_version or None,
            inputs,
            steps,
            said,
            postings,
        )
    )


def _about(award: Award, said: Mapping[str, Any]) -> str:
    """What tells decisions of one kind apart that one cause leads to: an award may meet several claims or payments."""
    if award.paid_early and "batch_no" in said:
        return f"{award.key}/{said['batch_no']}/{said['line_no']}"
    if "owed_for" not in said:
        return award.key
    return f"{award.key}/{said['owed_for']}/{said['owed_for_year']}"


def note_budget(
    book: Book,
    budget: Budget,
    cause: Cause,
    kind: str,
    inputs: Mapping[str, Any],
    said: dict[str, Any],
    postings: tuple[Posting, ...] = (),
) -> None:
    """Write down what becomes of a budget."""
    about = f"{budget.fiscal_year}/{budget.fund_source}"
    if "percent" in said:
        about = f"{about}/{said['percent']}"
    no = book.next_entry(budget.lane)
    book.entries.append(
        Entry(budget.lane, no, kind, about, None, None, cause, None, None, inputs, [], said, postings)
    )


def note_of(
    book: Book,
    about: Claim | Payment,
    cause: Cause,
    kind: str,
    inputs: Mapping[str, Any],
    steps: list[dict[str, Any]],
    said: dict[str, Any],
    postings: tuple[Posting, ...] = (),
) -> None:
    """Write down what becomes of a claim or a payment; the award that it was for may stand no more."""
    name = f"{about.enrollment_no}/{about.fiscal_year}/{said.get('netted_against') or said.get('code')}"
    if isinstance(about, Payment):
        name = f"{name}/{about.batch_no}/{about.line_no}"  # one cause may lead to several
    if said.get("part") is not None:
        name = f"{name}/part {said['part']}"
    no = book.next_entry(about.lane)
    who = (about.enrollment_no, about.worker_ref)
    book.entries.append(
        Entry(about.lane, no, kind, name, *who, cause, None, None, inputs, steps, said, postings)
    )
