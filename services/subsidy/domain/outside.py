"""The cap on what enrollments that other provinces report may take of a budget before the funding province confirms."""

from collections.abc import Mapping
from typing import Any, Final, NotRequired, TypedDict

NO_CAP_PERCENT: Final = 100
"""A cap of the whole budget is none."""
UNLIMITED_FEN: Final = 2**62


class OutsideInputs(TypedDict):
    """What decides beside the rest about an enrollment that another province has reported, until it is confirmed."""

    outside_cap_fen: NotRequired[int]
    """What all such may take of the budget together, by its money and the setting; missing where there is no cap."""
    outside_fen: NotRequired[int]
    """What they take of it already: held, or waited for in its queue."""
    held_back: NotRequired[int]
    """Such awards that are held back and come before it."""


def cap_fen(allocated_fen: int, percent: int) -> int:
    """The cap of a budget: so many percent of what was allocated, rounded down."""
    return UNLIMITED_FEN if percent >= NO_CAP_PERCENT else allocated_fen * percent // 100


def asked_of(inputs: Mapping[str, Any]) -> dict[str, int]:
    """What the cap compares, of the inputs of a decision; nothing where there is none."""
    return {name: inputs[name] for name in OutsideInputs.__annotations__ if name in inputs}


def is_within_cap(inputs: Mapping[str, Any], amount_fen: int) -> bool:
    """Whether an award may be reserved or queued: nobody is held back before it, and the cap has room for all of it."""
    if "outside_cap_fen" not in inputs:
        return True
    room_fen: int = inputs["outside_cap_fen"] - inputs["outside_fen"]
    return not inputs["held_back"] and amount_fen <= room_fen


def steps_of(inputs: Mapping[str, Any], amount_fen: int) -> list[dict[str, Any]]:
    """The step that compares with the cap; none where there is none."""
    if "outside_cap_fen" not in inputs:
        return []
    fits = is_within_cap(inputs, amount_fen)
    return [{"step": "outside", "fits": fits, **asked_of(inputs), "amount_fen": amount_fen}]
