"""Containers get what the services ask for: settings, secrets as files, ports on the loopback address only."""

import importlib
import re
import stat
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import yaml

from console.deployment.__main__ import main
from console.stack.kafka import CONTROLLER, INTERNAL
from scripts.validate_manifests import BASE, build
from shared.contracts.access import HTTP_DOOR
from shared.contracts.topics import SERVICES
from shared.plumbing.seal import Seal
from shared.plumbing.signing import Signer
from shared.plumbing.tokens import Tokens

ROOT = Path(__file__).parents[2]
COMPOSE: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
SECRETS = "deploy/secrets/"


@pytest.fixture(scope="module")
def secrets(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What `make compose-secrets` makes."""
    folder = tmp_path_factory.mktemp("deployment") / "secrets"
    assert main(["compose-secrets", str(folder)], {}) == 0
    return folder


@pytest.mark.parametrize("service", SERVICES)
def test_a_container_of_the_compose_file_has_all_settings_and_files_of_its_service(
    service: str, secrets: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    described = COMPOSE["services"][service]
    mounted = {}
    for one in described["secrets"]:
        source, target = (one, one) if isinstance(one, str) else (one["source"], one["target"])
        file = COMPOSE["secrets"][source]["file"].removeprefix(SECRETS)
        mounted[f"/run/secrets/{target}"] = str(secrets / file)
    settings = _settings(service, described["environment"], mounted, monkeypatch)
    assert Tokens(settings.tokens_file).caller(
        (secrets / "tokens" / "operator").read_text(), datetime.now(UTC)
    )
    Seal.from_file(settings.seal_key_file)  # or ValueError
    assert f"{service}_runtime" in settings.database_dsn_file.read_text()
    assert settings.kafka_password_file.read_text() == (secrets / "kafka" / service).read_text()
    assert settings.trace_ratio == 1
    if service == "reporting":
        Signer.from_file(settings.signing_key_file)  # or ValueError
    if service == "enrollment":
        assert settings.door_password_file.read_text() == (secrets / "kafka" / HTTP_DOOR).read_text()


@pytest.fixture(scope="module")
def manifests() -> list[dict[str, Any]]:
    """What kubectl makes of the base."""
    try:
        return list(yaml.safe_load_all(build(BASE)))
    except FileNotFoundError:
        pytest.skip("no kubectl on this machine")


@pytest.mark.parametrize("service", SERVICES)
def test_a_pod_has_all_settings_of_its_service(
    service: str, manifests: list[dict[str, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    pod = next(
        one["spec"]["template"]["spec"]
        for one in manifests
        if one["kind"] == "Deployment" and one["metadata"]["name"] == service
    )
    (container,) = pod["containers"]
    (configured,) = (one for one in manifests if one["kind"] == "ConfigMap")
    environment = configured["data"] | {one["name"]: one.get("value", "1") for one in container["env"]}
    settings = _settings(service, environment, {}, monkeypatch)
    assert settings.kafka_tls
    (projected,) = (one["projected"]["sources"] for one in pod["volumes"] if one["name"] == "secrets")
    paths = {item["path"] for source in projected for item in source["secret"]["items"]}
    asked = [settings.kafka_password_file, settings.kafka_ca_file, settings.database_dsn_file]
    asked += [settings.tokens_file, settings.seal_key_file]
    asked += [settings.door_password_file] if service == "enrollment" else []
    asked += [settings.signing_key_file] if service == "reporting" else []
    assert {path.name for path in asked} | {"database-ca.crt"} == paths


def test_every_file_that_is_mounted_is_made_and_nobody_else_comes_near(secrets: Path) -> None:
    files = [one["file"] for one in COMPOSE["secrets"].values()]
    volumes = [one for described in COMPOSE["services"].values() for one in described.get("volumes", ())]
    files += [one.removeprefix("./").partition(":")[0] for one in volumes if SECRETS in one]
    for name in files:
        path = secrets / name.removeprefix(SECRETS)
        assert path.exists(), f"{name} is mounted and not made"
        assert path.stat().st_mode & stat.S_IROTH, f"{name} could not be read in a container"
    assert stat.S_IMODE(secrets.stat().st_mode) == 0o700
    assert "deploy/secrets*/" in (ROOT / ".gitignore").read_text()


def test_secrets_are_made_once(secrets: Path) -> None:
    before = {path: path.read_bytes() for path in secrets.rglob("*") if path.is_file()}
    assert main(["compose-secrets", str(secrets)], {}) == 0
    assert before == {path: path.read_bytes() for path in secrets.rglob("*") if path.is_file()}


def test_the_manifest_of_secrets_names_what_the_pods_mount(tmp_path: Path) -> None:
    assert main(["kubernetes-secrets", str(tmp_path)], {}) == 0
    made = {one["metadata"]["name"] for one in yaml.safe_load_all((tmp_path / "secrets.yaml").read_text())}
    for service in SERVICES:
        text = (BASE / "services" / f"{service}.yaml").read_text()
        mounted = set(re.findall(r"secret: \{name: ([a-z-]+)", text))
        by_operators = {
            f"kafka-{service}",
            f"kafka-{HTTP_DOOR}",
            "dreams-cluster-ca-cert",
            f"{service}-database-ca",
        }
        assert mounted - by_operators <= made


def test_ports_are_bound_to_the_loopback_address_only() -> None:
    ports = [port for described in COMPOSE["services"].values() for port in described.get("ports", ())]
    assert ports
    assert all(port.startswith("127.0.0.1:") for port in ports)


def test_the_broker_of_the_compose_file_keeps_its_own_listeners_to_itself(secrets: Path) -> None:
    lines = (secrets / "kafka-server.properties").read_text().splitlines()
    settings = dict(line.split("=", 1) for line in lines)
    listeners = dict(one.split("://") for one in settings["listeners"].split(","))
    assert listeners[INTERNAL].startswith("127.0.0.1:")
    assert listeners[CONTROLLER].startswith("127.0.0.1:")
    assert "CLIENT://kafka:9092" in settings["advertised.listeners"]
    assert "ExitOnOutOfMemoryError" not in str(COMPOSE["services"]["kafka"]["environment"])


def _settings(
    service: str, environment: dict[str, str], mounted: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> Any:
    """The service's settings as its container would read them; the image itself sets the HTTP port."""
    for name, value in {**environment, "DREAMS_HTTP_PORT": "8080"}.items():
        value = re.sub(r"\$\{\w+:-(\w*)\}", r"\1", str(value))
        monkeypatch.setenv(name, mounted.get(value, value))
    return importlib.import_module(f"services.{service}.config").Settings()
