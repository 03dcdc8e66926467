"""The settings of notification."""

from typing import Annotated

from pydantic import Field

from shared.plumbing.settings import ServiceSettings


class Settings(ServiceSettings):
    """What notification needs besides what every service has."""

    smtp_host: str
    """The mail relay."""
    smtp_port: Annotated[int, Field(ge=1, le=65535)]
    sender_address: Annotated[str, Field(pattern=r"^[A-Za-z0-9._+-]{1,64}@[A-Za-z0-9.-]{1,190}$")] = (
        "noreply@dreams.invalid"
    )
    """Letters come from here; its domain stands in their Message-ID."""
