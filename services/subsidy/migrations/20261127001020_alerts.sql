-- migrate:up

-- The highest threshold of its use that was said and not cleared since.
ALTER TABLE budget ADD COLUMN alerted_percent smallint NOT NULL DEFAULT 0 CHECK (alerted_percent IN (0, 80, 95, 100));

-- migrate:down
ALTER TABLE budget DROP COLUMN alerted_percent;
