#!/bin/bash
# As in the official images: settings alone are the server's.
set -euo pipefail
if [[ $1 == -* || $1 == *.conf ]]; then
    set -- valkey-server "$@"
fi
exec "$@"
