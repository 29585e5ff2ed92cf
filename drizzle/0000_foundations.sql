-- The one clock of the database: real time plus an offset that only tests set. Deadlines and leases use real time.
CREATE SCHEMA IF NOT EXISTS sauda;
--> statement-breakpoint
CREATE TABLE sauda.clock_offset (
  id boolean PRIMARY KEY DEFAULT true CONSTRAINT clock_offset_has_one_row CHECK (id),
  shift interval NOT NULL
);
--> statement-breakpoint
CREATE FUNCTION sauda.clock() RETURNS timestamptz LANGUAGE sql VOLATILE AS $$
  SELECT date_trunc('milliseconds', clock_timestamp())
    + coalesce((SELECT shift FROM sauda.clock_offset), interval '0')
$$;
--> statement-breakpoint
-- The trading day rolls at 06:00 IST, not at midnight.
CREATE FUNCTION sauda.trading_day(at timestamptz) RETURNS date LANGUAGE sql IMMUTABLE AS $$
  SELECT ((at AT TIME ZONE interval '5 hours 30 minutes') - interval '6 hours')::date
$$;
