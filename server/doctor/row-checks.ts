/** What doctor says of the rows themselves, as writers leave them. */

import { CURSOR_COLUMN, STREAMS } from '../../shared/streams.ts';
import { ROWS_TIMEOUT_MS, type RowFacts } from '../db/doctor/row-facts.ts';
import { type Finding, ok, warn } from './findings.ts';

/** Clocks differ by less than this. */
const MOST_AHEAD_MS = 60_000;

/** What is not as the dashboard would have it; nothing where all is well. */
export function checkRows(rows: readonly RowFacts[], retentionDays: number | null): readonly Finding[] {
  return rows.flatMap((facts) => [
    ...future(facts),
    ...uncounted(facts),
    ...changed(facts, retentionDays),
    ...leftOut(facts),
  ]);
}

function future({ stream, place, newest, now }: RowFacts): readonly Finding[] {
  if (newest === null || newest - now <= MOST_AHEAD_MS) return [];
  const until = new Date(newest);
  const at = Number.isNaN(until.getTime()) ? 'the far future' : until.toISOString();
  return [
    warn(
      stream,
      'future_rows',
      `rows are dated in the future, up to ${at}, as when local time is written without its zone: charts show them where they are dated`,
      `have the writer store UTC (datetime.now(timezone.utc)); the rows that are there: update ${place} set "timestamp" = created_at where "timestamp" > now() + interval '1 minute'`,
    ),
  ];
}

function uncounted({ stream, place, uncounted: found }: RowFacts): readonly Finding[] {
  if (found === null) return [];
  const rows = found.rows === 1 ? '1 row' : `${found.rows} rows`;
  return [
    warn(
      stream,
      'cursor_null',
      `${rows} that came after the migration have no ${CURSOR_COLUMN}, as when rows were restored with it empty: they are in history, and were never delivered to subscribers`,
      `leave ${CURSOR_COLUMN} out of INSERT and COPY; to deliver those rows: update ${place} set ${CURSOR_COLUMN} = default where ${CURSOR_COLUMN} is null and id > ${found.afterId}`,
    ),
  ];
}

function leftOut({ stream, leftOut: questions }: RowFacts): readonly Finding[] {
  return questions.map((question) =>
    ok(stream, 'rows_unread', `${question} was left open: it took longer than ${ROWS_TIMEOUT_MS / 1000} s to find out`),
  );
}

function changed({ stream, place, updated, deleted }: RowFacts, retentionDays: number | null): readonly Finding[] {
  const isKept = retentionDays !== null && STREAMS[stream].owned;
  const counts = [
    ...(updated > 0 ? [`${updated} updated`] : []),
    ...(deleted > 0 && !isKept ? [`${deleted} deleted`] : []),
  ];
  if (counts.length === 0) return [];
  return [
    warn(
      stream,
      'rows_rewritten',
      `rows were changed after they were written (${counts.join(', ')}): subscribers are not sent that, and pages see it when they next check themselves`,
      `have writers only insert; to count anew: select pg_stat_reset_single_table_counters('${place}'::regclass)`,
    ),
  ];
}
