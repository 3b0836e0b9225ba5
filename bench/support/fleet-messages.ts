/** What a benchmark and its processes full of clients say to each other. */
import { z } from 'zod';

/** From the benchmark. */
export const command = z.discriminatedUnion('do', [
  z.object({
    do: z.literal('open'),
    port: z.number(),
    path: z.string(),
    count: z.number(),
    /** Ms over which the connections are begun; 0: as fast as they are accepted. */
    spreadMs: z.number(),
    /** Negotiate compression. */
    deflate: z.boolean(),
    /** Bytes a second that each reads; null: all at once. */
    rate: z.number().nullable(),
    /** Whether frames are parsed and kept account of, or counted only. */
    read: z.boolean(),
  }),
  /** Answer when this many deltas have come in all. */
  z.object({ do: z.literal('deltas'), total: z.number() }),
  /** Slow readers read at once from here on. */
  z.object({ do: z.literal('hurry') }),
  /** What the readers saw, since the last report with `anew`. */
  z.object({ do: z.literal('report'), anew: z.boolean() }),
  z.object({ do: z.literal('end') }),
]);
export type Command = z.infer<typeof command>;

/** What one reading client saw. Ages in ms, on arrival. */
export const readerReport = z.object({
  /** Age of each row that came in a delta. */
  rowAges: z.array(z.number()),
  /** Age of the newest row of each snapshot. */
  snapshotAges: z.array(z.number()),
  rows: z.number(),
  /** Rows that came more than once in deltas. */
  doubled: z.number(),
  lowestId: z.number().nullable(),
  highestId: z.number().nullable(),
  gaps: z.record(z.string(), z.number()),
  /** Breaks of a channel's chain (F3). */
  breaks: z.number(),
  /** Epoch ms and code of the close; null while it is open. */
  closed: z.object({ at: z.number(), code: z.number().nullable() }).nullable(),
});
export type ReaderReport = z.infer<typeof readerReport>;

/** To the benchmark. */
export const reply = z.discriminatedUnion('did', [
  /** `times`: of those that came in sync; `failed`: how many were cut before. */
  z.object({ did: z.literal('open'), times: z.array(z.number()), failed: z.number() }),
  z.object({ did: z.literal('deltas'), deltas: z.number(), bytes: z.number() }),
  z.object({ did: z.literal('hurry') }),
  z.object({ did: z.literal('report'), readers: z.array(readerReport) }),
]);
export type Reply = z.infer<typeof reply>;
