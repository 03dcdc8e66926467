"""Budgets are shown whole, however narrow the terminal is."""

import io

import pytest
from rich.console import Console

from console.commands_subsidy import _show_budgets

BUDGET = {
    "lane": "32", "fiscal_year": 2026, "fund_source": "provincial-federation", "allocated_fen": 61_300_000,
    "reserved_fen": 6_600_000, "granted_fen": 18_200_000, "disbursed_fen": 2_900_000, "receivable_fen": 50_000,
    "scholarship_fen": 0, "free_fen": 33_550_000, "waiting": 1_204,
    "runs_out_on": "2026-11-03", "runs_out_not_known": None,
}  # fmt: skip


@pytest.mark.parametrize("width", [60, 80, 110, 160])
def test_no_figure_of_a_budget_is_cut_off(width: int) -> None:
    out = io.StringIO()
    _show_budgets(Console(file=out, width=width), [BUDGET], None)
    figures = (
        "613,000.00",
        "66,000.00",
        "182,000.00",
        "29,000.00",
        "500.00",
        "335,500.00",
        "1,204",
        "2026-11-03",
    )
    assert [figure for figure in figures if figure not in out.getvalue()] == []
    assert all(
        word in out.getvalue() for word in ("江苏", "2026", "provincial-federation", "free", "waiting")
    )
