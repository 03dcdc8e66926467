#!/bin/sh
# Says in one sentence each which of Python, Java and Maven is missing and how to get it; silent when all are there.
set -u

python=${PYTHON:-python3}
missing=0

say() {
    printf '%s\n' "$1" >&2
    missing=1
}

at_least() { # at_least WANTED FOUND: true when FOUND is a number and not below WANTED
    case $2 in '' | *[!0-9]*) return 1 ;; esac
    [ "$2" -ge "$1" ]
}

if ! command -v "$python" >/dev/null 2>&1; then
    say "Python 3.11 or later is missing ($python was not found): install it (Debian: apt-get install python3 python3-venv; macOS: brew install python) or name it: make setup PYTHON=python3.12"
elif ! "$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))'; then
    say "$python is $("$python" -c 'import platform; print(platform.python_version())'), but Python 3.11 or later is needed: install it or name another: make setup PYTHON=python3.12"
elif ! "$python" -c 'import ensurepip, venv' 2>/dev/null; then
    say "$python cannot make virtual environments: install its venv package (Debian: apt-get install python3-venv)"
fi

# `java -version` prints: openjdk version "17.0.15" 2025-04-15; versions before 9 begin with 1.
java_major=$(java -version 2>&1 | sed -n 's/.* version "\([0-9]*\)[^"]*".*/\1/p' | head -n 1)
if ! at_least 17 "$java_major"; then
    say "Java 17 or later is missing (found: ${java_major:-none}), and Apache Kafka runs on it: install it (Debian: apt-get install openjdk-17-jre-headless; macOS: brew install openjdk)"
fi

if ! command -v mvn >/dev/null 2>&1; then
    say "Maven is missing, and it fetches Apache Kafka once: install it (Debian: apt-get install maven; macOS: brew install maven)"
fi

if [ "$missing" -ne 0 ]; then
    printf '%s\n' "Or run the system in containers, which need none of these: make compose-secrets, then docker compose up" >&2
    exit 1
fi
