"""How a province takes back what it has sent: an event is voided, and history keeps both."""

from typing import Annotated

from pydantic import Field

from shared.contracts.envelope import SOURCE_PATTERN, Text, Value


class EventVoided(Value):
    """The province takes one of its own events back: from now on it counts as if it had not been accepted.

    What is only wrong in parts is better corrected: the same event with its new content, under a new id, whose
    attribute `supersedes` names the id of the old one. A void is not voided itself: the event is sent again, under a
    new id.
    """

    event_id: Annotated[str, Field(min_length=1, max_length=128)] = Field(title="作废的事件编号")
    """Id of the event that is taken back; the subject is that event's own, where it has one."""
    event_source: Annotated[str, Field(pattern=SOURCE_PATTERN)] | None = Field(
        default=None, title="作废事件的来源系统"
    )
    """Its `source`, where another system of the province has sent it."""
    reason: Text = Field(title="作废原因")
    """Why, in words; nothing personal."""
