#!/bin/bash
# Starts the broker over its volume, which is prepared on the first start.
set -euo pipefail
umask 077

if [ ! -f /var/lib/kafka/data/meta.properties ]; then
    # What it prints holds keys: not for the container's log.
    java @/run/secrets/kafka-format.args >/tmp/format.log 2>&1 || {
        echo "Kafka's volume could not be prepared; /tmp/format.log in this container says why." >&2
        exit 1
    }
    rm /tmp/format.log
fi
exec /opt/kafka/bin/kafka-server-start.sh /run/secrets/kafka-server.properties
