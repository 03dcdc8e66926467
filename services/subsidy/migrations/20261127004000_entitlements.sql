-- migrate:up

-- What one person may have of a scheme at one level, nationwide: the only row of the ledger that lanes share. It is made
-- with its first mention and locked before it is read.
CREATE TABLE entitlement (
    worker_ref text NOT NULL,
    scheme text NOT NULL,
    level text NOT NULL,                        -- of education, grade of skill, or track
    askers json NOT NULL DEFAULT '[]',          -- enrollments in the order in which they asked, and which of them hold it
    PRIMARY KEY (worker_ref, scheme, level)
) WITH (fillfactor = 60);

-- The level at which its scheme limits awards; empty where it does not, or where nothing is sought.
ALTER TABLE award ADD COLUMN level text NOT NULL DEFAULT '';

-- migrate:down
ALTER TABLE award DROP COLUMN level;
DROP TABLE entitlement;
