-- What is kept of an enrolment: what it has learnt, whatever fails after that; and its photos, where nothing was learnt.

ALTER TABLE jobs ADD COLUMN learnt TEXT;      -- Enrolled without portraits, from the end of the learning to the job's end
ALTER TABLE jobs ADD COLUMN kept_until REAL;  -- the enrolment failed: until then its photos are kept, to be tried again
CREATE INDEX jobs_kept ON jobs (kept_until) WHERE kept_until IS NOT NULL;
