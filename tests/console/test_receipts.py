"""What an operator reads of one receipt."""

from datetime import UTC, datetime
from typing import Any

import pytest

from console.commands_receipts import _show_receipts

ROW: dict[str, Any] = {
    "lane": "32",
    "source": "//provinces/32/hr",
    "record_offset": 2,
    "status": "accepted",
    "type": "dreams.worker.registered.v1",
    "received_at": datetime(2026, 11, 27, tzinfo=UTC).isoformat(),
    "voided_by": None,
}


@pytest.mark.parametrize("voided_by", [None, "v-1"])
def test_an_accepted_event_that_counts_no_more_names_what_took_it_back(
    voided_by: str | None, capsys: pytest.CaptureFixture[str]
) -> None:
    _show_receipts("r-1", [ROW | {"voided_by": voided_by}])
    said = capsys.readouterr().out
    assert "accepted" in said
    assert ("voided or corrected by v-1" in said) == (voided_by is not None)
