"""The settings that every service has; only `main` reads them, from the environment and from files it names."""

from pathlib import Path
from typing import Annotated

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict


class ServiceSettings(BaseSettings):
    """Settings of one service process; the environment's names start with `DREAMS_`."""

    model_config = SettingsConfigDict(env_prefix="DREAMS_", frozen=True)

    namespace: Annotated[str, Field(pattern=r"^([a-z0-9]{1,20}\.)?$")] = ""
    """Prefix of topics and groups; tests and certification use their own."""
    kafka_bootstrap: str
    kafka_username: str
    kafka_password_file: Path
    kafka_tls: bool = False
    kafka_ca_file: Path | None = None
    database_dsn_file: Path
    """File that holds the runtime role's dsn."""
    database_connections_max: int = 8
    http_host: str = "127.0.0.1"
    http_port: int
    tokens_file: Path
    """Hashed tokens with roles."""
    seal_key_file: Path
    """32 random bytes in base64: seals what may hold personal data."""
    otlp_endpoint: str = ""
    trace_ratio: Annotated[float, Field(ge=0, le=1)] = 0.01
    log_level: str = "INFO"
    instance: str = "0"
    simulated: bool = False
    """Numbers come from a simulation and are marked so wherever they are shown."""
    batch_max_records: Annotated[int, Field(ge=1, le=10_000)] = 1000
    session_timeout_s: Annotated[float, Field(ge=1)] = 10.0
