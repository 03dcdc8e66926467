"""Who may ask subsidy what: a token that names a province sees that lane only."""

from typing import Annotated, Final

from fastapi import Depends

from shared.contracts.door_codes import door_sentences
from shared.plumbing.problem import ProblemError
from shared.plumbing.tokens import Caller, allow

ANOTHER_PROVINCE: Final = "another_province"

Reader = Annotated[Caller, Depends(allow("operator", "auditor", "official", "province"))]
"""Sums of money: everybody with a token, an official or a province of its own lane."""


everybody: Final = [Depends(allow("operator", "auditor", "official", "province"))]
"""What says nothing about anybody."""
of_all_lanes: Final = [Depends(allow("operator", "auditor", "official"))]
"""Sums over all lanes, and checks of the whole."""


def _of_persons(caller: Reader) -> Caller:
    """An official of the nation sees sums, not persons."""
    if caller.role == "official" and caller.province is None:
        raise ProblemError(
            403,
            "sums_only",
            "该令牌只能查看汇总金额。请使用本省的令牌查询个人补助。",
            "This token sees sums only. Use a token of the province to look at single awards.",
        )
    return caller


PersonReader = Annotated[Caller, Depends(_of_persons)]
"""Awards of single persons: operators, auditors, and a province those of its own lane."""


def own_lane(caller: Caller, lane: str | None) -> str | None:
    """The lane that is asked for; the token's own where it names one. Raises ProblemError for another one."""
    if caller.province is None:
        return lane
    if lane not in (None, caller.province):
        zh, en = door_sentences(ANOTHER_PROVINCE)
        raise ProblemError(403, ANOTHER_PROVINCE, zh, en)
    return caller.province


def named_lane(caller: Caller, lane: str | None) -> str:
    """The same where a lane must be named. Raises ProblemError."""
    found = own_lane(caller, lane)
    if found is None:
        raise ProblemError(
            422,
            "lane_needed",
            "请给出省份（lane），如 32。",
            "Name a lane (`lane`), such as 32.",
        )
    return found
