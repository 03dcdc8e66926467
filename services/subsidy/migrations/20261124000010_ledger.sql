-- migrate:up

-- What a lane knows beside its budgets: the day that began last, and the number of its last journal entry.
CREATE TABLE lane_book (
    lane text PRIMARY KEY,
    day date,                                   -- moved by day.began only: a replay decides the same
    last_entry bigint NOT NULL DEFAULT 0
) WITH (fillfactor = 50);

-- Money of one pot for one year on one lane; what the postings sum to, kept beside them to be checked and locked.
CREATE TABLE budget (
    lane text NOT NULL,
    fiscal_year smallint NOT NULL,
    fund_source text NOT NULL,
    funder_level text NOT NULL DEFAULT '',      -- empty while awards wait for a budget that is not opened yet
    allocated_fen bigint NOT NULL DEFAULT 0 CHECK (allocated_fen >= 0),
    reserved_fen bigint NOT NULL DEFAULT 0 CHECK (reserved_fen >= 0),
    granted_fen bigint NOT NULL DEFAULT 0 CHECK (granted_fen >= 0),
    scholarship_fen bigint NOT NULL DEFAULT 0 CHECK (scholarship_fen >= 0),
    waiting integer NOT NULL DEFAULT 0 CHECK (waiting >= 0),
    smallest_waiting_fen bigint NOT NULL DEFAULT 0, -- no waiting award is smaller: bounds how many money can move
    exhausted boolean NOT NULL DEFAULT false,   -- said already, until money is there again
    drain_cause text,                           -- the event whose money is still being handed down the queue
    drain_correlation text,
    drain_time timestamptz,
    PRIMARY KEY (lane, fiscal_year, fund_source),
    CONSTRAINT never_over_budget CHECK (reserved_fen + granted_fen + scholarship_fen <= allocated_fen)
) WITH (fillfactor = 50);
CREATE INDEX budget_draining ON budget (lane) WHERE drain_cause IS NOT NULL;

-- One enrollment's award; refused ones too, since scholarships count towards the same tuition.
CREATE TABLE award (
    enrollment_no text PRIMARY KEY,
    lane text NOT NULL,
    worker_ref text NOT NULL,
    state text NOT NULL CHECK (state IN ('reserved', 'granted', 'waitlisted', 'released', 'refused')),
    fiscal_year smallint NOT NULL,
    fund_source text NOT NULL,                  -- empty where no scheme gives anything
    amount_fen bigint NOT NULL CHECK (amount_fen >= 0),
    tuition_fen bigint NOT NULL CHECK (tuition_fen >= 0),
    scholarship_fen bigint NOT NULL CHECK (scholarship_fen >= 0),
    rank bigint NOT NULL,                       -- seq of the enrollment on its lane: recorded order
    confirmed boolean NOT NULL,
    scheme text NOT NULL,
    scheme_version integer NOT NULL,
    categories text[] NOT NULL,
    track text NOT NULL,
    CONSTRAINT never_above_tuition CHECK (
        scholarship_fen + CASE WHEN state IN ('reserved', 'granted', 'waitlisted') THEN amount_fen ELSE 0 END
        <= tuition_fen)
) WITH (fillfactor = 80);
CREATE INDEX award_waiting ON award (lane, fiscal_year, fund_source, rank) WHERE state = 'waitlisted';

-- Every decision: from what, by which rule, step by step. Append only.
CREATE TABLE journal (
    lane text NOT NULL,
    entry_no bigint NOT NULL,                   -- 1, 2, 3 … without gaps on each lane
    event_id text NOT NULL,                     -- the fact that announces it
    event_type text NOT NULL,
    enrollment_no text,
    cause_id text NOT NULL,
    scheme text,
    scheme_version integer,
    inputs json NOT NULL,                       -- json, not jsonb: kept to the byte
    steps json NOT NULL,
    recorded_at timestamptz NOT NULL,
    PRIMARY KEY (lane, entry_no)
);
CREATE INDEX journal_enrollment ON journal (enrollment_no) WHERE enrollment_no IS NOT NULL;

-- Double entry: money leaves one account of a budget and enters another. Append only.
CREATE TABLE posting (
    lane text NOT NULL,
    entry_no bigint NOT NULL,
    line smallint NOT NULL,
    fiscal_year smallint NOT NULL,
    fund_source text NOT NULL,
    purpose text NOT NULL CHECK (purpose IN ('allocated', 'available', 'reserved', 'granted', 'scholarship')),
    amount_fen bigint NOT NULL CHECK (amount_fen <> 0),
    PRIMARY KEY (lane, entry_no, line)
);

-- An entry's postings are written by one statement and sum to zero in it; nothing is ever changed, so they stay so.
CREATE FUNCTION refuse_unbalanced() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (SELECT FROM written GROUP BY lane, entry_no HAVING sum(amount_fen) <> 0) THEN
        RAISE EXCEPTION 'the postings of a journal entry do not sum to zero' USING ERRCODE = 'check_violation';
    END IF;
    RETURN NULL;
END
$$;
CREATE TRIGGER balanced AFTER INSERT ON posting REFERENCING NEW TABLE AS written
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_unbalanced();

-- Append only: whoever was given more than reading and inserting (the runtime role, whatever its name) loses it.
DO $$
DECLARE given record;
BEGIN
    FOR given IN
        SELECT DISTINCT c.oid::regclass AS ledger,
               CASE WHEN acl.grantee = 0 THEN 'PUBLIC' ELSE acl.grantee::regrole::text END AS holder
        FROM pg_class c, aclexplode(c.relacl) acl
        WHERE c.oid IN ('journal'::regclass, 'posting'::regclass) AND acl.grantee <> c.relowner
    LOOP
        EXECUTE format('REVOKE UPDATE, DELETE, TRUNCATE ON %s FROM %s', given.ledger, given.holder);
    END LOOP;
END
$$;

-- migrate:down
DROP TABLE posting, journal, award, budget, lane_book;
DROP FUNCTION refuse_unbalanced();
