"""How requests are generated from an OpenAPI document, and what must hold of each answer."""

from typing import Final

from hypothesis import HealthCheck, Phase, settings
from schemathesis import checks

HOLDS: Final = [
    checks.not_a_server_error,
    checks.status_code_conformance,
    checks.content_type_conformance,
    checks.response_schema_conformance,
    checks.response_headers_conformance,
]


def so_many(requests: int) -> settings:
    """So many requests of each route, the same ones in every run."""
    return settings(
        max_examples=requests,
        derandomize=True,
        database=None,
        deadline=None,
        phases=[Phase.explicit, Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
