"""Kafka's clients, each with explicit settings: FastStream's broker, producers, readers outside of groups, topics."""

import logging
import ssl
from pathlib import Path
from typing import Any, Final

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient
from faststream.kafka import KafkaBroker
from faststream.security import SASLScram512

from shared.plumbing.parsing import mend_parsing
from shared.plumbing.settings import ServiceSettings

FETCH_MAX_BYTES: Final = 4 * 1024 * 1024
PRODUCER_BATCH_BYTES: Final = 256 * 1024
REQUEST_TIMEOUT_MS: Final = 10_000


def security(settings: ServiceSettings) -> SASLScram512:
    """Credentials from the file that the settings name; TLS where asked for."""
    context = ssl.create_default_context(cafile=settings.kafka_ca_file) if settings.kafka_tls else None
    return SASLScram512(
        username=settings.kafka_username,
        password=_secret(settings.kafka_password_file),
        use_ssl=settings.kafka_tls,
        ssl_context=context,
    )


def _secret(path: Path) -> str:
    return path.read_text().strip()


def make_broker(settings: ServiceSettings) -> KafkaBroker:
    """The FastStream broker of a service; it never creates topics."""
    mend_parsing()
    return KafkaBroker(
        settings.kafka_bootstrap,
        security=security(settings),
        client_id=f"{settings.kafka_username}-{settings.instance}",
        allow_auto_create_topics=False,
        logger=logging.getLogger("dreams.faststream"),
    )


def make_producer(settings: ServiceSettings, batch_max_bytes: int = PRODUCER_BATCH_BYTES) -> AIOKafkaProducer:
    """A producer for prepared batches: idempotent, all replicas, compression off."""
    return AIOKafkaProducer(
        **_connection(settings, "publisher"),
        acks="all",
        enable_idempotence=True,
        max_batch_size=batch_max_bytes,
        max_request_size=FETCH_MAX_BYTES,
        request_timeout_ms=REQUEST_TIMEOUT_MS,
    )


def make_reader(settings: ServiceSettings) -> AIOKafkaConsumer:
    """A consumer outside of any group, to look at single places: it commits nothing, and is told where to read."""
    mend_parsing()
    return AIOKafkaConsumer(
        **_connection(settings, "reader"),
        enable_auto_commit=False,
        auto_offset_reset="earliest",  # it asks for a position before it can be told one
        max_partition_fetch_bytes=FETCH_MAX_BYTES,
        request_timeout_ms=REQUEST_TIMEOUT_MS,
    )


def make_admin(settings: ServiceSettings) -> AIOKafkaAdminClient:
    """A client that makes and deletes topics, as far as the service's user may."""
    return AIOKafkaAdminClient(**_connection(settings, "admin"), request_timeout_ms=REQUEST_TIMEOUT_MS)


def _connection(settings: ServiceSettings, part: str) -> dict[str, Any]:
    credentials = security(settings)
    return {
        "bootstrap_servers": settings.kafka_bootstrap,
        "client_id": f"{settings.kafka_username}-{settings.instance}-{part}",
        "security_protocol": "SASL_SSL" if settings.kafka_tls else "SASL_PLAINTEXT",
        "ssl_context": credentials.ssl_context,
        "sasl_mechanism": "SCRAM-SHA-512",
        "sasl_plain_username": settings.kafka_username,
        "sasl_plain_password": _secret(settings.kafka_password_file),
    }
