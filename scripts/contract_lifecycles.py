"""Draws the lives of enrollments and credentials from their tables in the code: docs/contracts/lifecycles.md."""

from typing import Final

from services.enrollment.domain.lifecycle import CREDENTIAL, ENROLLMENT, WAITS

_HEAD: Final = """# Lives of enrollments and credentials · 注册与证书的状态

Drawn from the tables by which the register judges (`services/enrollment/domain/lifecycle.py`). Steps count in the order
of the days that provinces give them, not in that in which they arrive: one that comes late takes its place by its day.
A step that is not in the drawing is refused (`wrong_state`, naming the current state). A step in the table below is
parked, since an earlier event that has not come yet may still allow it, and goes on by itself when that comes.

图由代码中的状态表生成。各步骤按事件自身日期排序，与到达先后无关。图中没有的步骤会被拒绝（`wrong_state`），
下表中的步骤会等待更早的事件，到达后自动继续。

"""
_STEP_TYPES: Final = {
    "confirmed": "enrollment.confirmed",
    "suspended": "enrollment.suspended",
    "resumed": "enrollment.resumed",
    "withdrawn": "enrollment.withdrawn",
    "completed": "degree.completed",
}


def lifecycles() -> str:
    """The page without its first line."""
    return _HEAD + _enrollment() + "\n" + _credential()


def _enrollment() -> str:
    moves = [
        f"    {state} --> {to}: {_STEP_TYPES[step]}"
        for (state, step), to in ENROLLMENT.items()
        if to != WAITS
    ]
    waits = [(state, step) for (state, step), to in ENROLLMENT.items() if to == WAITS]
    reached = dict.fromkeys(to for to in ENROLLMENT.values() if to != WAITS)
    ends = [state for state in reached if state not in {state for state, _ in ENROLLMENT}]
    lines = ["    [*] --> enrolled: worker.enrolled", *moves, *(f"    {end} --> [*]" for end in ends)]
    rows = [f"| `{state}` | `{_STEP_TYPES[step]}` |" for state, step in waits]
    return (
        "## Enrollment · 注册\n\n"
        + _drawing(lines)
        + "\n| In state | Waits for an earlier event |\n| --- | --- |\n"
        + "".join(f"{row}\n" for row in rows)
    )


def _credential() -> str:
    lines = [f"    [*] --> {to}: {step}" for (_, step), to in CREDENTIAL.items()]
    return (
        "## Credential · 证书\n\nA certificate, a professional title or a degree (`certificate.earned`, "
        "`title.awarded`, `degree.completed`).\n\n" + _drawing(lines)
    )


def _drawing(lines: list[str]) -> str:
    return "```mermaid\nstateDiagram-v2\n" + "".join(f"{line}\n" for line in lines) + "```\n"
