-- migrate:up

-- What counts of all that provinces have said is a rule over worker_statement; nobody read these copies any more.
ALTER TABLE worker DROP COLUMN categories, DROP COLUMN origin_province;

-- migrate:down
ALTER TABLE worker ADD COLUMN categories text[] NOT NULL DEFAULT '{}', ADD COLUMN origin_province text;
