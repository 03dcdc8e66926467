"""Reporting: national truth in numbers, counted from what enrollment and subsidy have recorded."""
