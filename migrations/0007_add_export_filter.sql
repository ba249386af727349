-- What a list was filtered by when its export was asked for: it may be filtered otherwise by the time that the export runs
-- again after a crash. Null where a period is exported.
ALTER TABLE exports ADD COLUMN filter jsonb;
