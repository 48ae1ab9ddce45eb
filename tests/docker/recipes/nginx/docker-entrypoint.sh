#!/bin/bash
set -euo pipefail
sed '/stub_status;/d' /etc/nginx/nginx.conf >/tmp/nginx.conf
exec "$@" -p /tmp -c /tmp/nginx.conf
