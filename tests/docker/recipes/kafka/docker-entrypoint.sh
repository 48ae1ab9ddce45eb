#!/bin/bash
# What compose/docker-compose.yml sets for the official image, as far as this broker knows it.
set -euo pipefail
advertised=${KAFKA_ADVERTISED_LISTENERS%%,*}
exec tansu broker \
    --storage-engine=memory://tansu/ \
    --listener-url=tcp://0.0.0.0:9092 \
    --advertised-listener-url="tcp://${advertised#*://}"
