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
const LONGEST_MS = LONGEST_HOURS * HOUR_MS;
/** What a chart shows where no symbol is asked for. */
const USUAL_SYMBOL = 'BTC/USDT';

/** The charts by every name that they are known by. */
export const CHARTS: ReadonlyMap<string, StreamName> = new Map([
  ...STREAM_NAMES.map((name) => [name, name] as const),
  ...Object.entries(SHORT_NAMES),
]);

const asked = {
  hours: wholeNumber({ least: 1, most: 168, usual: 24 }),
  from: moment(),
  to: moment(),
  points: wholeNumber(BOUNDS.points),
  bucket_ms: wholeNumber({ least: 1, most: LONGEST_MS, usual: undefined }),
};

/** What may be asked of a chart whose key is a symbol. */
export const symbolChart = z.object({ ...asked, symbol: key('a symbol such as BTC/USDT', USUAL_SYMBOL) });

/** What may be asked of a chart of metrics. @param keyLimit how many may be named. */
export const metricChart = (keyLimit: number) =>
  z.object({ ...asked, metric_name: keys('names of metrics', keyLimit) });

/** Registers the route. */
export const chartRoutes: FastifyPluginAsync<ChartDeps> = async (app, deps) => {
  const { db, status } = deps;
  const metrics = metricChart(deps.keyLimit);

  app.get<{ Params: { chart: string } }>('/api/chart/:chart', async ({ params, query }, reply) => {
    const stream = chartNamed(params.chart);
    const bySymbol = stream.key.name === 'symbol';
    const wanted = bySymbol
      ? { ...parseInput(symbolChart, query), metric_name: null }
      : { ...parseInput(metrics, query), symbol: null };
    const span = spanOf(wanted, deps.now());
    requireUsable(status, stream);
    const channels = await inReadTransaction(db, async (client) => {
      const read: ReducedChannel[] = [];
      const request: SnapshotRequest = {
        keys: wanted.symbol === null ? wanted.metric_name : [wanted.symbol],
        range: { kind: 'window', ms: span.to - span.from },
        resolution: wanted.bucket_ms === undefined ? { points: wanted.points } : { bucketMs: wanted.bucket_ms },
        now: span.to,
        pointLimit: deps.pointLimit,
      };
      const options = { ages: false, ...(span.hours === null ? { until: span.to } : {}) };
      for await (const channel of readChannels(client, stream, request, options)) read.push(channel);
      return read;
    });
    return json(reply, chartDocument(stream, { chart: params.chart, symbol: wanted.symbol, span }, channels));
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
  if (span > 0 && span <= LONGEST_MS) return { from, to, hours: null };
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
