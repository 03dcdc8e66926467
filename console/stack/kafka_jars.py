"""Brings Apache Kafka's jars into a folder that all clones on this machine share."""

import asyncio
import hashlib
import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Callable
from pathlib import Path

from console.stack.failures import StackError
from console.stack.process_locks import locked
from console.stack.processes import Spawner

KAFKA_VERSION = "4.3.1"
JAVA_MAJOR = 17
MAVEN_LIMIT_S = 300.0
DOWNLOAD_MB = 45
HERE = Path(__file__).parent
JAR_LIST = HERE / "jars.txt"
POM = HERE / "kafka-pom.xml"
COPY_DEPENDENCIES = "org.apache.maven.plugins:maven-dependency-plugin:3.6.0:copy-dependencies"


def cache_folder() -> Path:
    """Where downloads are kept: $DREAMS_CACHE, or `~/.cache/dreams`."""
    return Path(os.environ.get("DREAMS_CACHE") or Path.home() / ".cache" / "dreams")


def find_java() -> str:
    """Return the path of a `java` of version 17 or later, from JAVA_HOME or PATH."""
    home = os.environ.get("JAVA_HOME")
    java = shutil.which("java", path=f"{home}/bin") if home else shutil.which("java")
    if java is None:
        raise StackError(
            f"Kafka needs Java {JAVA_MAJOR} or later and no `java` was found. {_how_to_get('java')}"
        )
    shown = subprocess.run([java, "-version"], capture_output=True, text=True, check=False).stderr
    found = re.search(r'version "(\d+)', shown)
    if found is None or int(found.group(1)) < JAVA_MAJOR:
        version = found.group(1) if found else "unknown"
        raise StackError(
            f"Kafka needs Java {JAVA_MAJOR} or later, but {java} is version {version}. {_how_to_get('java')}"
        )
    return java


async def kafka_jars(spawner: Spawner, progress: Callable[[str], None]) -> list[Path]:
    """Return Kafka's jars in a fixed order, fetched by Maven unless all match the committed hashes."""
    folder = cache_folder() / f"kafka-{KAFKA_VERSION}"
    folder.mkdir(parents=True, exist_ok=True)
    wanted = _wanted()
    async with locked(folder / ".lock", MAVEN_LIMIT_S):  # two clones may start at once
        if await asyncio.to_thread(_differing, folder, wanted):
            progress(f"Fetching Apache Kafka {KAFKA_VERSION} with Maven ({DOWNLOAD_MB} MB, once)")
            await _fetch(folder, spawner)
            _check(folder, wanted)
    return [folder / name for name in wanted]


def _wanted() -> dict[str, str]:
    lines = (line.split() for line in JAR_LIST.read_text().splitlines())
    return {name: digest for digest, name in lines}


def _differing(folder: Path, wanted: dict[str, str]) -> list[str]:
    return [name for name, digest in wanted.items() if _digest(folder / name) != digest]


def _digest(path: Path) -> str:
    if not path.exists():
        return ""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


async def _fetch(folder: Path, spawner: Spawner) -> None:
    maven = shutil.which("mvn")
    if maven is None:
        raise StackError(f"Fetching Kafka needs Maven and no `mvn` was found. {_how_to_get('maven')}")
    with tempfile.TemporaryDirectory(dir=folder) as draft:
        shutil.copy(POM, Path(draft) / "pom.xml")
        command = [maven, "-q", "-B", "-ntp", "-Dstyle.color=never", "-Dmaven.wagon.rto=20000"]
        command += ["-f", f"{draft}/pom.xml", COPY_DEPENDENCIES, f"-DoutputDirectory={draft}/jars"]
        done = await spawner.run("maven", command, MAVEN_LIMIT_S)
        if done.returncode != 0:
            raise StackError(
                f"Maven could not fetch Apache Kafka {KAFKA_VERSION} ({DOWNLOAD_MB} MB). "
                f"Check the network or the proxy in ~/.m2/settings.xml; details are in {done.log}."
            )
        for jar in Path(draft, "jars").glob("*.jar"):
            jar.replace(folder / jar.name)


def _check(folder: Path, wanted: dict[str, str]) -> None:
    wrong = _differing(folder, wanted)
    if wrong:
        raise StackError(
            f"{len(wrong)} of Kafka's jars are not the expected ones (first: {wrong[0]}); Kafka stays down. "
            f"Delete {folder} and try again; if it stays, the repository Maven uses serves other files."
        )


def _how_to_get(package: str) -> str:
    names = {"java": "openjdk-17-jre-headless", "maven": "maven"}
    return f"On Debian: apt-get install {names[package]}. Or use the containers: docker compose up."
