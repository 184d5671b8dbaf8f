-- The rights of the processes on PostgreSQL. Run as the owner of the tables, in the product's database, after each
-- release (psql "$OWNER_URL" -f scripts/roles.sql); running it again changes nothing. Then, once for each machine:
--     CREATE ROLE kilowatch_web LOGIN PASSWORD '…' IN ROLE kilowatch_app;
-- Processes use that role; only `python -m cli migrate` uses the owner's.

DO $$
BEGIN
    CREATE ROLE kilowatch_app NOLOGIN;
EXCEPTION
    WHEN duplicate_object OR unique_violation THEN NULL;
END
$$;

GRANT USAGE ON SCHEMA public TO kilowatch_app;
GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO kilowatch_app;
GRANT USAGE ON ALL SEQUENCES IN SCHEMA public TO kilowatch_app;

-- What is written once: money that moved, what suppliers billed, what happened to a session.
REVOKE UPDATE, DELETE, TRUNCATE ON transfers, charge_records, session_events, charge_quotes FROM kilowatch_app;
GRANT UPDATE (booked_at) ON charge_records TO kilowatch_app;
-- What changes and is never taken away. A balance changes by the trigger behind a transfer, and by nothing else.
REVOKE DELETE, TRUNCATE ON
    accounts, holds, charging_sessions, record_bookings, topups, refunds, cases
    FROM kilowatch_app;
-- Which version the tables are of is the owner's to say.
REVOKE INSERT, UPDATE, DELETE, TRUNCATE ON alembic_version FROM kilowatch_app;
