-- What the service keeps in PostgreSQL. Run by `python -m dress_rehearsal.target_app.prepare`, again at will.
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
    opens_at_ns  bigint NOT NULL,
    version      bigint NOT NULL DEFAULT 0, -- counts sales (optimistic)
    fence        bigint NOT NULL DEFAULT 0  -- token of the last sale (redis_lock)
) WITH (fillfactor = 10);

-- Filled by prepare where the allocation is skip_locked.
CREATE TABLE IF NOT EXISTS seats (
    event   text NOT NULL,
    number  int NOT NULL,
    ticket  text,
    PRIMARY KEY (event, number)
);
CREATE INDEX IF NOT EXISTS seats_free ON seats (event, number) WHERE ticket IS NULL;

CREATE TABLE IF NOT EXISTS tickets (
    ticket        text NOT NULL,
    event         text NOT NULL,
    student       text NOT NULL,
    number        int NOT NULL,
    granted_ns    bigint NOT NULL,
    idempotency   text NOT NULL,
    committed_at  timestamptz NOT NULL DEFAULT clock_timestamp()
);

-- How often Redis was restored from these tables (see restore.py).
ALTER TABLE events ADD COLUMN IF NOT EXISTS epoch int NOT NULL DEFAULT 0;

-- Who entered, once a ticket; prepare adds the key, which the fault qr_replay takes away.
CREATE TABLE IF NOT EXISTS entries (
    ticket      text NOT NULL,
    event       text NOT NULL,
    gate        text NOT NULL,
    entered_at  timestamptz NOT NULL DEFAULT clock_timestamp()
);
