"""Enrollment's settings."""

from pydantic import model_validator

from shared.plumbing.settings import ServiceSettings


class Settings(ServiceSettings):
    """The common settings and enrollment's clock."""

    clock_offset_s: float = 0.0
    """Shifts the day that begins; refused outside tests (a namespace of their own) and demos."""

    @model_validator(mode="after")
    def _only_in_tests_and_demos(self) -> "Settings":
        if self.clock_offset_s and not (self.namespace or self.simulated):
            raise ValueError("DREAMS_CLOCK_OFFSET_S is for tests and demos only; remove it")
        return self
