#!/bin/bash
# What compose/docker-compose.yml uses of the official image's entry point. To be run as `postgres`.
set -euo pipefail
user=${POSTGRES_USER:-postgres}
database=${POSTGRES_DB:-$user}
sockets=/var/run/postgresql

if [[ $1 == postgres && ! -s $PGDATA/PG_VERSION ]]; then
    # shellcheck disable=SC2086 # the variable holds several arguments
    initdb --username="$user" --pwfile="$POSTGRES_PASSWORD_FILE" --auth-local=trust \
        --auth-host=scram-sha-256 ${POSTGRES_INITDB_ARGS:-}
    {
        printf "listen_addresses = '*'\n"
        printf "unix_socket_directories = '%s'\n" "$sockets"
    } >>"$PGDATA/postgresql.conf"
    printf 'host all all all scram-sha-256\n' >>"$PGDATA/pg_hba.conf"
    pg_ctl --wait --silent --options="-c listen_addresses=" start
    [[ $database == postgres ]] || createdb --host="$sockets" --username="$user" "$database"
    pg_ctl --wait --silent --mode=fast stop
fi
exec "$@"
