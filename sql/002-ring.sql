-- The doorbell: tells listeners that a table has new rows, and never what they are.
--
-- It runs inside the statement of a writer that knows nothing of the dashboard. So it must not fail (every error is
-- swallowed, a table whose doorbell is broken is read by the tick), must need no rights of the writer (security definer,
-- a fixed search path, every name qualified), and must be cheap: NOTIFY takes a lock on the whole database at commit, so
-- one ring in 5 ms is enough. The gate is a sequence, because setval is not transactional: others see it at once, and
-- it holds nothing. The difference is absolute, so that a clock that was set back does not shut the gate.
--
-- A full notification queue fails the writer's COMMIT, where no handler reaches: so it rings only below half.

create or replace function alphapulse_dashboard.ring() returns trigger
language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
declare
  gate pg_catalog.regclass;
  now_ms pg_catalog.int8;
  last_ms pg_catalog.int8;
begin
  gate := ('alphapulse_dashboard.gate_' || tg_argv[0])::pg_catalog.regclass;
  now_ms := pg_catalog.floor(extract(epoch from pg_catalog.clock_timestamp()) * 1000)::pg_catalog.int8;
  last_ms := pg_catalog.pg_sequence_last_value(gate);
  if last_ms is null or pg_catalog.abs(now_ms - last_ms) >= 5 then
    perform pg_catalog.setval(gate, now_ms);
    if pg_catalog.pg_notification_queue_usage() < 0.5 then
      perform pg_catalog.pg_notify('alphapulse_dashboard', tg_argv[0]);
    end if;
  end if;
  return null;
exception when others then
  return null;
end
$$;

-- Firing a trigger needs no right on its function; only making one does, and that is for this function's owner.
revoke all on function alphapulse_dashboard.ring() from public;
