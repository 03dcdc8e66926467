-- migrate:up

-- Awards of a lane, page by page. Neither column ever changes, so an update of an award stays cheap.
CREATE INDEX award_of_lane ON award (lane, enrollment_no);

-- migrate:down
DROP INDEX award_of_lane;
