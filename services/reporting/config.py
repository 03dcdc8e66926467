"""Reporting's settings."""

from typing import Annotated

from pydantic import Field

from shared.plumbing.settings import ServiceSettings


class Settings(ServiceSettings):
    """The common settings and the limits of the live page."""

    live_readers_max: Annotated[int, Field(ge=1)] = 1_000
    """Open live pages of one process; further ones are asked to come again."""
