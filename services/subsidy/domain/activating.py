"""Schemes put in force by an event: a lane decides by what was activated before, in its own order: so does a replay."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any, Literal

from services.subsidy.domain.book import Book, Entry, LaneBook
from services.subsidy.domain.noting import cause_of
from services.subsidy.domain.schemes import Rules, Scheme, overlap
from services.subsidy.domain.sentences import SCHEME_REFUSED
from shared.contracts import provinces, subsidy
from shared.contracts.envelope import Fact
from shared.contracts.lanes import NATION

Activated = Fact[provinces.SchemeActivated]


@dataclass(frozen=True, slots=True)
class InTheWay:
    """Why a version is not put in force, and the one that is to blame."""

    code: Literal["scheme_differs", "scheme_overlaps"]
    scheme: Scheme


def rules_of(rules: Rules, book: Book, lane: str) -> Rules:
    """What is decided by on a lane: the schemes that the service began with, and those activated there since."""
    page = book.lanes.get(lane)
    return rules if page is None or page.rules is None else page.rules


def activate(rules: Rules, book: Book, lane: str, fact: Activated) -> None:
    """Put a version in force on the lane; where something stands in the way, lane 00 says so for all."""
    new = scheme_of(fact.data)
    found = put_in_force(rules.schemes, new)
    page = book.lane(lane)
    inputs = {"scheme": new.name, "version": new.version, "in_force": _names(rules.schemes)}
    if isinstance(found, InTheWay):
        if lane == NATION:
            _refuse(book, page, fact, new, found, inputs)
        return
    if new not in rules.schemes:
        page.adopted.append((page.last_entry + 1, new))
        page.rules = replace(rules, schemes=found)
        page.changed = page.rules_changed = True
    _write_down(
        book,
        page,
        fact,
        subsidy.SCHEME_ADOPTED,
        new,
        inputs,
        [{"step": "in_force", **_brief(new)}],
        _adopted(new, [one for one in found if one not in rules.schemes and one != new]),
    )


def _adopted(new: Scheme, ended: Sequence[Scheme]) -> dict[str, Any]:
    days = new.model_dump(mode="json", include={"valid_from", "valid_until"})
    last_days = [
        {"scheme_version": one.version, **one.model_dump(mode="json", include={"valid_until"})}
        for one in ended
    ]
    return {"scheme": new.name, "scheme_version": new.version, **days, "ended": last_days}


def scheme_of(data: provinces.SchemeActivated) -> Scheme:
    """The scheme that an event activates."""
    values = data.model_dump()
    name, version = values.pop("scheme"), values.pop("scheme_version")
    provinces_ = values.pop("provinces") or "all"
    return Scheme.model_validate({**values, "name": name, "version": version, "provinces": provinces_})


def put_in_force(schemes: Sequence[Scheme], new: Scheme) -> tuple[Scheme, ...] | InTheWay:
    """The schemes with a version in force: earlier ones of its name end on the day before its own first."""
    found: list[Scheme] = []
    for one in schemes:
        if (one.name, one.version) == (new.name, new.version):
            return tuple(schemes) if one == new else InTheWay("scheme_differs", one)
        if overlap((one, new)) is None:
            found.append(one)
        elif one.name == new.name and one.version < new.version and one.valid_from < new.valid_from:
            found.append(one.model_copy(update={"valid_until": new.valid_from - timedelta(days=1)}))
        else:
            return InTheWay("scheme_overlaps", one)
    return (*found, new)


def in_force_before(rules: Rules, adopted: Sequence[tuple[int, Scheme]], entry_no: int) -> Rules:
    """What was decided by at an entry of a lane's journal: what had been adopted before it."""
    schemes = tuple(rules.schemes)
    for number, scheme in adopted:
        if number < entry_no:
            found = put_in_force(schemes, scheme)
            assert not isinstance(found, InTheWay), "it was put in force once"
            schemes = found
    return replace(rules, schemes=schemes)


def _refuse(
    book: Book, page: LaneBook, fact: Activated, new: Scheme, why: InTheWay, inputs: dict[str, Any]
) -> None:
    other = why.scheme
    zh, en = (text.format(name=other.name, version=other.version) for text in SCHEME_REFUSED[why.code])
    said = {
        "scheme": new.name,
        "scheme_version": new.version,
        "code": why.code,
        "other_scheme": other.name,
        "other_scheme_version": other.version,
        "message_zh": zh,
        "message_en": en,
    }
    step = {"step": "in_the_way", **_brief(other)}
    _write_down(book, page, fact, subsidy.SCHEME_REFUSED, new, inputs, [step], said)


def _write_down(
    book: Book,
    page: LaneBook,
    fact: Activated,
    kind: str,
    new: Scheme,
    inputs: dict[str, Any],
    steps: list[dict[str, Any]],
    said: dict[str, Any],
) -> None:
    about = f"{page.lane}/{new.name}/{new.version}"
    no = book.next_entry(page.lane)
    rule = (new.name, new.version)
    book.entries.append(
        Entry(page.lane, no, kind, about, None, None, cause_of(fact), *rule, inputs, steps, said)
    )


def _brief(scheme: Scheme) -> dict[str, Any]:
    return {"found": scheme.name, "version": scheme.version}


def _names(schemes: Sequence[Scheme]) -> list[str]:
    return [f"{one.name} {one.version}" for one in schemes]
