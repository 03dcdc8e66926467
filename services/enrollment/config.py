"""Enrollment's settings."""

from pathlib import Path
from typing import Annotated

from pydantic import Field, model_validator

from services.enrollment.api.http_request import EVENTS_MAX
from shared.plumbing.settings import ServiceSettings


class Settings(ServiceSettings):
    """The common settings, what the HTTP door may do and allows, and enrollment's clock."""

    door_password_file: Path
    """Password of the broker's user that writes what provinces send by HTTP."""
    door_events_per_s: Annotated[float, Field(gt=0)] = 500.0
    """So many events a province may send by HTTP in the long run, through each process."""
    door_events_at_once: Annotated[int, Field(ge=EVENTS_MAX)] = 5_000
    """So many it may send at once after it has rested; the largest batch at least."""
    clock_offset_s: float = 0.0
    """Shifts the day that begins; refused outside tests (a namespace of their own) and demos."""

    @model_validator(mode="after")
    def _only_in_tests_and_demos(self) -> "Settings":
        if self.clock_offset_s and not (self.namespace or self.simulated):
            raise ValueError("DREAMS_CLOCK_OFFSET_S is for tests and demos only; remove it")
        return self
