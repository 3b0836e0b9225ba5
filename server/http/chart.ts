/** The REST route of charts: a stream's lines in columns, reduced to what a chart of so many points can show. */
import type { FastifyPluginAsync } from 'fastify';
import * as z from 'zod';
import { BOUNDS } from '../../shared/protocol.ts';
import type { StreamDeclaration, StreamName } from '../../shared/streams.ts';
import { STREAM_NAMES, STREAMS } from '../../shared/streams.ts';
import { readChannels } from '../db/history.ts';
import type { Database } from '../db/queryable.ts';
import { inReadTransaction } from '../db/queryable.ts';
import type { SnapshotRequest } from '../feed/ports.ts';
import type { ReducedChannel } from '../feed/reduced.ts';
import { encodeColumns } from '../feed/reduced.ts';
import type { ServiceStatus } from '../status.ts';
import { requireUsable, SHORT_NAMES } from './availability.ts';
import { json } from './json.ts';
import { badRequest, Problem } from './problem.ts';
import { key, keys, moment, parseInput, shown, wholeNumber } from './validation.ts';

/** What the route reads from, and how much it may answer. */
export interface ChartDeps {
  readonly db: Database;
  readonly status: ServiceStatus;
  /** Epoch ms. */
  readonly now: () => number;
  /** Most points (keys times buckets) of one chart. */
  readonly pointLimit: number;
  /** Most keys that one request may name. */
  readonly keyLimit: number;
}

const HOUR_MS = 3_600_000;
/** Longest time between `from` and `to`: seven days, and what a page widens them by. */
const LONGEST_HOURS = 8 * 24;
/** What a chart shows where no symbol is asked for. */
const USUAL_SYMBOL = 'BTC/USDT';

const CHARTS: ReadonlyMap<string, StreamName> = new Map([
  ...STREAM_NAMES.map((name) => [name, name] as const),
  ...Object.entries(SHORT_NAMES),
]);

/** Registers the route. */
export const chartRoutes: FastifyPluginAsync<ChartDeps> = async (app, deps) => {
  const { db, status } = deps;
  const shared = {
    hours: wholeNumber({ least: 1, most: 168, usual: 24 }),
    from: moment(),
    to: moment(),
    points: wholeNumber(BOUNDS.points),
    bucket_ms: z.union([z.undefined(), wholeNumber({ least: 1, most: LONGEST_HOURS * HOUR_MS, usual: 1 })]),
  };
  const symbolChart = z.object({ ...shared, symbol: key('a symbol such as BTC/USDT', USUAL_SYMBOL) });
  const metricChart = z.object({ ...shared, metric_name: keys('names of metrics', deps.keyLimit) });

  app.get<{ Params: { chart: string } }>('/api/chart/:chart', async ({ params, query }, reply) => {
    const stream = chartNamed(params.chart);
    const bySymbol = stream.key.name === 'symbol';
    const asked = bySymbol
      ? { ...parseInput(symbolChart, query), metric_name: null }
      : { ...parseInput(metricChart, query), symbol: null };
    const span = spanOf(asked, deps.now());
    requireUsable(status, stream);
    const channels = await inReadTransaction(db, async (client) => {
      const read: ReducedChannel[] = [];
      const request: SnapshotRequest = {
        keys: asked.symbol === null ? asked.metric_name : [asked.symbol],
        range: { kind: 'window', ms: span.to - span.from },
        resolution: asked.bucket_ms === undefined ? { points: asked.points } : { bucketMs: asked.bucket_ms },
        now: span.to,
        pointLimit: deps.pointLimit,
      };
      const options = { ages: false, ...(span.hours === null ? { until: span.to } : {}) };
      for await (const channel of readChannels(client, stream, request, options)) read.push(channel);
      return read;
    });
    return json(reply, chartDocument(stream, { chart: params.chart, symbol: asked.symbol, span }, channels));
  });
};

/** What is charted, in epoch ms; `hours` where it ends at the present and rows of any later date are in it. */
interface Span {
  readonly from: number;
  readonly to: number;
  readonly hours: number | null;
}

function spanOf(asked: { hours: number; from: number | null; to: number | null }, now: number): Span {
  const { hours, from, to } = asked;
  if (from === null && to === null) return { from: now - hours * HOUR_MS, to: now, hours };
  if (from === null || to === null) {
    const path = from === null ? 'from' : 'to';
    throw badRequest([{ path, message: 'missing; give both from and to, or hours alone' }]);
  }
  const span = to - from;
  if (span > 0 && span <= LONGEST_HOURS * HOUR_MS) return { from, to, hours: null };
  const message = `${to} is ${span} ms after from; give a time after it, at most ${LONGEST_HOURS / 24} days`;
  throw badRequest([{ path: 'to', message }]);
}

function chartNamed(name: string): StreamDeclaration {
  const stream = CHARTS.get(name);
  if (stream !== undefined) return STREAMS[stream];
  const message = `${shown(name)} is no chart; there are ${[...CHARTS.keys()].join(', ')}`;
  throw new Problem(404, message, { errors: [{ path: 'chart', message }] });
}

/** A chart's document; `name` of a line is its series or, where a chart has many keys, its key. */
function chartDocument(
  stream: StreamDeclaration,
  { chart, symbol, span }: { readonly chart: string; readonly symbol: string | null; readonly span: Span },
  channels: readonly ReducedChannel[],
): string {
  const lines = channels.flatMap((channel) =>
    channel.lines.map((line) => {
      const name = symbol === null ? channel.key : line.name;
      return `{"name":${JSON.stringify(name)},"columns":${encodeColumns(stream, line)}}`;
    }),
  );
  const about = {
    chart_type: chart,
    symbol,
    hours: span.hours,
    from: span.from,
    to: span.to,
    reduced: channels.some((channel) => channel.reduced),
    bucket_ms: channels.find((channel) => channel.reduced)?.bucketMs ?? null,
    rows_total: channels.reduce((sum, channel) => sum + channel.rowsTotal, 0),
  };
  return `${JSON.stringify(about).slice(0, -1)},"data":[${lines.join(',')}]}`;
}
