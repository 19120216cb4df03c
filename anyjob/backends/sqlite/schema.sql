-- The tables of schema 1. Times are whole microseconds: *wall* since the epoch, *steady* as in clock.py.
-- Invariant: a row of anyjob_jobs that is not over (state 0 to 3) has exactly one row in anyjob_bodies;
-- one that is over (4 to 6) has none and is forgotten at `at`.

-- One row: what wrote this file, and how its steady time is counted.
CREATE TABLE anyjob_meta (
    version  INTEGER NOT NULL,   -- of this schema
    boot     TEXT NOT NULL,      -- of the machine, in which the leases were given
    "offset" INTEGER NOT NULL,   -- steady time minus the boot clock
    stamp    INTEGER NOT NULL    -- the last number given out: place, version, fence
) STRICT;

CREATE TABLE anyjob_queues (
    number    INTEGER PRIMARY KEY,
    namespace TEXT NOT NULL,
    name      TEXT NOT NULL,
    declared  INTEGER NOT NULL DEFAULT 0,
    paused    INTEGER NOT NULL DEFAULT 0,
    UNIQUE (namespace, name)
) STRICT;

-- Narrow, because a claim and a settlement rewrite the row; the body is written once, elsewhere.
CREATE TABLE anyjob_jobs (
    seq          INTEGER PRIMARY KEY,          -- the order of arrival
    queue        INTEGER NOT NULL,
    id           TEXT NOT NULL,
    state        INTEGER NOT NULL,             -- 0 ready 1 scheduled 2 leased 3 dead 4 succeeded 5 cancelled 6 expired
    at           INTEGER NOT NULL,             -- the rank within the state, see below
    place        INTEGER NOT NULL,             -- the order within a rank: a stamp, of its arrival or of a later move to the end
    since        INTEGER NOT NULL,             -- wall: since when it is in its state
    priority     INTEGER NOT NULL,
    attempts     INTEGER NOT NULL DEFAULT 0,   -- failed runs
    redeliveries INTEGER NOT NULL DEFAULT 0,   -- leases lost
    token        INTEGER,                      -- of the live lease
    ukey         BLOB,                         -- BLAKE2b-128 of the unique key
    key_ttl      INTEGER,                      -- how long the job may hold its key; NULL: until it is over
    key_until    INTEGER,                      -- steady: the end of that; NULL with a ttl: another took the key
    note         BLOB,
    outcome      BLOB,
    reason       TEXT
) STRICT;

CREATE TABLE anyjob_bodies (
    seq  INTEGER PRIMARY KEY,
    body BLOB NOT NULL
) STRICT;

-- An id is stored once while its job exists, and until it is forgotten.
CREATE UNIQUE INDEX anyjob_jobs_id ON anyjob_jobs (queue, id);

-- The one order of each state. `at` is: ready 9 - priority; scheduled the due time (wall); leased the
-- end of the lease (steady); dead when it was buried (wall); over when to forget it (steady). A job
-- that comes back unrun keeps its place; one that was retried, delayed or revived gets a new one, last
-- of all. `since` tells the age of the oldest ready job without a look at the rows.
CREATE INDEX anyjob_jobs_place ON anyjob_jobs (queue, state, at, place, since);

-- A unique key has one holder, and a job that is over holds none. Whoever lost its key to another
-- remembers it, because a revived job wants it again.
CREATE UNIQUE INDEX anyjob_jobs_key ON anyjob_jobs (queue, ukey)
WHERE ukey IS NOT NULL AND state < 3 AND (key_ttl IS NULL OR key_until IS NOT NULL);

-- The store. Names and keys are stored as bytes, so that nothing reads them.

CREATE TABLE anyjob_values (
    namespace TEXT NOT NULL,
    key       BLOB NOT NULL,
    version   INTEGER NOT NULL,
    until     INTEGER,           -- steady; NULL: for ever
    value     BLOB NOT NULL,
    PRIMARY KEY (namespace, key)
) STRICT;
CREATE INDEX anyjob_values_until ON anyjob_values (until) WHERE until IS NOT NULL;

CREATE TABLE anyjob_claims (
    namespace TEXT NOT NULL,
    key       BLOB NOT NULL,
    owner     BLOB NOT NULL,
    fence     INTEGER NOT NULL,
    until     INTEGER NOT NULL,  -- steady
    PRIMARY KEY (namespace, key)
) STRICT;
CREATE INDEX anyjob_claims_until ON anyjob_claims (until);

CREATE TABLE anyjob_sets (
    number    INTEGER PRIMARY KEY,
    namespace TEXT NOT NULL,
    name      BLOB NOT NULL,
    size      INTEGER NOT NULL,
    remaining INTEGER NOT NULL,
    UNIQUE (namespace, name)
) STRICT;

-- The members that are closed.
CREATE TABLE anyjob_members (
    "set"   INTEGER NOT NULL,
    ordinal INTEGER NOT NULL,
    PRIMARY KEY ("set", ordinal)
) STRICT, WITHOUT ROWID;

CREATE TABLE anyjob_counters (
    namespace TEXT NOT NULL,
    key       BLOB NOT NULL,
    value     INTEGER NOT NULL,
    PRIMARY KEY (namespace, key)
) STRICT, WITHOUT ROWID;

CREATE TABLE anyjob_due (
    number    INTEGER PRIMARY KEY,
    namespace TEXT NOT NULL,
    "set"     BLOB NOT NULL,
    id        BLOB NOT NULL,
    due       INTEGER NOT NULL,            -- wall
    held      INTEGER NOT NULL DEFAULT 0,
    at        INTEGER NOT NULL,            -- due while free; the end of the lease (steady) while held
    token     INTEGER,
    value     BLOB NOT NULL,
    UNIQUE (namespace, "set", id)
) STRICT;
CREATE INDEX anyjob_due_place ON anyjob_due (namespace, "set", held, at);

CREATE TABLE anyjob_series (
    namespace TEXT NOT NULL,
    name      BLOB NOT NULL,
    at        INTEGER NOT NULL,  -- wall, never less than the one before
    sequence  INTEGER NOT NULL,
    value     BLOB NOT NULL,
    PRIMARY KEY (namespace, name, at, sequence)
) STRICT, WITHOUT ROWID;
