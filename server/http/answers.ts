/** What the REST interface answers, as schemas: its document is made from them, and the tests hold real answers against them. */
import * as z from 'zod';
import { SCREEN_PAGES } from '../../shared/requests.ts';
import { rowSchema } from '../../shared/row-schema.ts';
import { STREAM_NAMES } from '../../shared/streams.ts';

const time = z.number().describe('Epoch ms; microseconds as a fraction.');
const ageMs = z.number().nullable().describe('Ms since the newest row arrived; null where none ever did.');
const streamName = z.enum(STREAM_NAMES);
const count = z.int().min(0);
const row = z.union(STREAM_NAMES.map((name) => rowSchema(name)));

/** How a stream stands. */
const standing = {
  state: z.enum(['starting', 'live', 'off']),
  cursor: z
    .literal('overlap')
    .optional()
    .describe('Rows are found by their time of writing: the table was not migrated.'),
  reason: z.string().optional().describe('Why it is off, or less than it could be.'),
  mend: z.string().optional().describe('What to do about that.'),
};

/** A problem document (RFC 9457). */
const problem = z.object({
  type: z.string(),
  title: z.string(),
  status: z.int().min(400).max(599),
  detail: z.string().describe('What was wrong with which value, and what is accepted instead.'),
  errors: z
    .array(z.object({ path: z.string(), message: z.string() }))
    .describe('Every fault, with the parameter or the field that has it.'),
  stream: streamName.optional().describe('The stream that is off.'),
  reason: z.string().optional(),
  mend: z.string().optional(),
});

const line = z.object({
  name: z.string().nullable().describe('The series; of system_metrics the metric.'),
  columns: z
    .record(z.string(), z.array(z.unknown()))
    .describe('timestamp and each value, of the same length. NaN and the infinities are strings.'),
});

/** The answers by their names in the document. */
export const ANSWERS = {
  Problem: problem,
  Health: z.object({
    status: z.enum(['healthy', 'degraded']),
    timestamp: time.optional(),
    uptime: z.number().optional().describe('Seconds.'),
    requests: count.optional(),
    errors: count.optional().describe('Answers of 500 or above.'),
    database: z.enum(['connected', 'disconnected']).optional(),
    doorbell: z.enum(['up', 'down']).optional(),
    doorbell_reason: z.string().optional(),
    doorbell_mend: z.string().optional(),
    clients: count.optional(),
    version: z.string().optional(),
    streams: z.record(z.string(), z.object({ ...standing, newest_age_ms: ageMs })).optional(),
  }),
  Live: z.object({ status: z.literal('live') }),
  Ready: z.object({ status: z.enum(['ready', 'not ready']) }),
  Symbols: z.object({ symbols: z.array(z.string()) }),
  Streams: z.object({
    streams: z.array(
      z.object({
        name: streamName,
        key: z.string(),
        series: z.string().nullable(),
        values: z.array(z.object({ name: z.string(), unit: z.string().nullable() })),
        ...standing,
        newest_age_ms: ageMs,
      }),
    ),
  }),
  Keys: z.object({ stream: streamName, keys: z.array(z.string()) }),
  Rows: z.object({
    rows: z.array(row).describe('Newest first, each with all of its columns.'),
    next_cursor: z.string().nullable().describe('Ask with it for the next page; null behind the last one.'),
  }),
  SymbolData: z.object({
    symbol: z.string(),
    hours: z.int(),
    funding_rates: z.array(rowSchema('funding_rates')),
    anomalies: z.array(rowSchema('anomalies')),
    performance: z.array(rowSchema('performance_metrics')),
    predictions: z.array(rowSchema('signal_predictions')),
    off: z
      .record(z.string(), z.object({ reason: z.string(), mend: z.string() }))
      .optional()
      .describe('The members that have no rows because their stream is off.'),
  }),
  Chart: z.object({
    chart_type: z.string(),
    symbol: z.string().nullable(),
    hours: z.int().nullable().describe('Null where from and to were given.'),
    from: time,
    to: time,
    reduced: z.boolean().describe('Whether any row was left out.'),
    bucket_ms: z.number().nullable(),
    rows_total: count.describe('How many rows there are.'),
    data: z.array(line),
  }),
  Checksum: z.object({
    stream: streamName,
    key: z.string(),
    from: time,
    to: time,
    bucket_ms: z.number(),
    comparable: z.boolean().describe('False where nothing can be said: of too many anomalies.'),
    parts: z.array(z.object({ from: time, to: time, rows: count, hash: z.string().regex(/^[0-9a-f]{16}$/) })),
  }),
  Written: z.object({ ids: z.array(z.int()).describe('In the order of the rows.') }),
  Metrics: z.object({
    timestamp: time,
    uptime: z.number().describe('Seconds.'),
    clients: count,
    process: z.object({ resident_bytes: count, heap_used_bytes: count, cpu_seconds: z.number() }),
    feed: z.object({
      clients: count,
      clients_behind: count.describe('Clients that something waits for.'),
      frames_sent: count.describe('Frames written since start, each as often as it was written.'),
      unacknowledged_bytes: count,
      unacknowledged_bytes_most: count,
      history_bytes: count,
      cache: z.looseObject({ entries: count, bytes: count, hits: count, misses: count }),
      logs: z.record(z.string(), z.object({ frames: count, rows: count, bytes: count, age_ms: z.number().nullable() })),
    }),
    screens: z
      .array(
        z.object({
          connection: z.string().describe('The name of its connection, which its lines in the log carry.'),
          address: z.string(),
          page: z.enum(SCREEN_PAGES),
          build: z.string(),
          symbol: z.string().describe('What it shows.'),
          painted: time.nullable(),
          painted_age_ms: z.number().nullable(),
          told_age_ms: z.number(),
          visible: z.boolean().describe('Whether the browser shows it.'),
          stuck: z.boolean().describe('Whether it is shown and has not been painted for a minute and a half.'),
        }),
      )
      .describe('The pages that are connected to this process, as each last told of itself.'),
    counters: z.record(z.string(), count).describe('Totals since start.'),
  }),
  Document: z.looseObject({ info: z.looseObject({ title: z.string(), version: z.string() }) }),
} as const;

/** The name of an answer's schema. */
export type AnswerName = keyof typeof ANSWERS;
