-- migrate:up

-- Whether the worker has left: an enrollment that is corrected or confirmed after that is given no money.
ALTER TABLE award ADD COLUMN withdrawn boolean NOT NULL DEFAULT false;
UPDATE award SET withdrawn = true WHERE state = 'released';

-- migrate:down
ALTER TABLE award DROP COLUMN withdrawn;
