/**
 * The REST route by which a page checks itself: a checksum of what can be seen of a channel's rows, made of the same history
 * that a page is sent (`db/history.ts`). It reads as much as a chart of the span, and answers a few hundred bytes.
 */
import type { FastifyPluginAsync } from 'fastify';
import * as z from 'zod';
import { isEdge, isSummable, MOST_PARTS, type SummedLine, type SummedSpan, sumLines } from '../../shared/checksum.ts';
import { chartNumber } from '../../shared/columns.ts';
import { BOUNDS } from '../../shared/protocol.ts';
import type { StreamDeclaration } from '../../shared/streams.ts';
import { readChannels } from '../db/history.ts';
import type { Database } from '../db/queryable.ts';
import { inReadTransaction } from '../db/queryable.ts';
import type { ReducedChannel, ReducedLine } from '../feed/reduced.ts';
import type { ServiceStatus } from '../status.ts';
import { requireUsable, streamNamed } from './availability.ts';
import { json } from './json.ts';
import { badRequest, type ProblemFault } from './problem.ts';
import { key, moment, parseKnown, wholeNumber } from './validation.ts';

/** What the route reads from. */
export interface ChecksumDeps {
  readonly db: Database;
  readonly status: ServiceStatus;
}

/** Longest time between `from` and `to`: as of a chart. */
const LONGEST_MS = 8 * 86_400_000;

/** What may be asked of a checksum; all but `parts` has to be given. */
export const checksumQuery = z.object({
  key: key('one key of the stream, such as BTC/USDT'),
  from: moment(),
  to: moment(),
  bucket_ms: wholeNumber({ least: 1, most: LONGEST_MS, usual: undefined }),
  parts: wholeNumber({ least: 1, most: MOST_PARTS, usual: 1 }),
});

/** Registers the route. */
export const checksumRoutes: FastifyPluginAsync<ChecksumDeps> = async (app, { db, status }) => {
  app.get<{ Params: { stream: string }; Querystring: Readonly<Record<string, unknown>> }>(
    '/api/streams/:stream/checksum',
    async ({ params, query }, reply) => {
      const stream = streamNamed(params.stream);
      const given = parseKnown(checksumQuery, query);
      const span = spanOf(given);
      requireUsable(status, stream);
      const channel = await inReadTransaction(db, (client) => readChannel(client, stream, given.key, span));
      const isComparable = channel === null || isSummable(stream, channel.rowsTotal, span);
      const lines = channel?.lines.map((line) => summed(stream, line)) ?? [];
      return json(
        reply,
        JSON.stringify({
          stream: stream.name,
          key: given.key,
          from: span.from,
          to: span.to,
          bucket_ms: span.bucketMs,
          comparable: isComparable,
          parts: isComparable ? sumLines(stream, lines, span, given.parts) : [],
        }),
      );
    },
  );
};

/** The span of a request. Throws a Problem 400 with all that is wrong with it. */
function spanOf({ from, to, bucket_ms: bucketMs }: z.output<typeof checksumQuery>): SummedSpan {
  if (from === null || to === null || bucketMs === undefined) {
    const missing = Object.entries({ from, to, bucket_ms: bucketMs ?? null }).filter(([, value]) => value === null);
    throw badRequest(missing.map(([path]) => ({ path, message: 'missing; give from, to and bucket_ms' })));
  }
  const faults: ProblemFault[] = Object.entries({ from, to })
    .filter(([, value]) => !isEdge(value, bucketMs))
    .map(([path, value]) => ({
      path,
      message: `${value} is not the edge of a bucket; give a multiple of bucket_ms, ${bucketMs}`,
    }));
  const ms = to - from;
  if (!(ms > 0 && ms <= LONGEST_MS))
    faults.push({ path: 'to', message: `${to} is ${ms} ms after from; give a time after it, at most 8 days` });
  else if (ms / bucketMs > BOUNDS.points.most)
    faults.push({
      path: 'bucket_ms',
      message: `${bucketMs} makes ${Math.ceil(ms / bucketMs)} buckets; give a width that makes at most ${BOUNDS.points.most}`,
    });
  if (faults.length > 0) throw badRequest(faults);
  return { from, to, bucketMs };
}

async function readChannel(
  client: Parameters<typeof readChannels>[0],
  stream: StreamDeclaration,
  name: string,
  { from, to, bucketMs }: SummedSpan,
): Promise<ReducedChannel | null> {
  const request = {
    keys: [name],
    range: { kind: 'window', ms: to - from },
    resolution: { bucketMs },
    now: to,
    pointLimit: BOUNDS.points.most,
  } as const;
  for await (const channel of readChannels(client, stream, request, { ages: false, until: to })) return channel;
  return null;
}

/** A line as it is summed: the numbers that a page makes of what it is sent. */
function summed(stream: StreamDeclaration, { name, times, columns }: ReducedLine): SummedLine {
  return {
    name,
    times: Float64Array.from(times),
    column(wanted) {
      const cells = columns[stream.values.findIndex((column) => column.name === wanted)] ?? [];
      return Float64Array.from(cells, (cell) => chartNumber(JSON.parse(cell)) ?? Number.NaN);
    },
  };
}
