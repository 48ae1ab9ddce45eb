-- What the service keeps in PostgreSQL. Run by `python -m target_app.prepare`, again at will.
-- Keys of `tickets` are added by prepare for every allocation but `naive`, which must be free to
-- go wrong.
CREATE TABLE IF NOT EXISTS students (
    student   text PRIMARY KEY,
    position  int NOT NULL,
    pin_hash  text NOT NULL,
    enrolled  boolean NOT NULL
);

CREATE TABLE IF NOT EXISTS events (
    event        text PRIMARY KEY,
    title        text NOT NULL,
    tickets      int NOT NULL,
    remaining    int NOT NULL,
    opens_at_ns  bigint NOT NULL
) WITH (fillfactor = 10);

CREATE TABLE IF NOT EXISTS tickets (
    ticket        text NOT NULL,
    event         text NOT NULL,
    student       text NOT NULL,
    number        int NOT NULL,
    granted_ns    bigint NOT NULL,
    idempotency   text NOT NULL,
    committed_at  timestamptz NOT NULL DEFAULT clock_timestamp()
);
