/** The REST route of charts: a stream's lines in columns, reduced to what a chart of so many points can show. */
import type { FastifyPluginAsync } from 'fastify';
import * as z from 'zod';
import { BOUNDS } from '../../shared/protocol.ts';
import type { StreamDeclaration, StreamName } from '../../shared/streams.ts';
import { STREAM_NAMES, STREAMS } from '../../shared/streams.ts';
import type { ChannelHistory } from '../db/history.ts';
import { encodeColumns, readChannels } from '../db/history.ts';
import type { Database } from '../db/queryable.ts';
import { inReadTransaction } from '../db/queryable.ts';
import type { ServiceStatus } from '../status.ts';
import { requireUsable, SHORT_NAMES } from './availability.ts';
import { json } from './json.ts';
import { Problem } from './problem.ts';
import { key, keys, parseInput, shown, wholeNumber } from './validation.ts';

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
/** What a chart shows where no symbol is asked for. */
const USUAL_SYMBOL = 'BTC/USDT';

const CHARTS: ReadonlyMap<string, StreamName> = new Map([
  ...STREAM_NAMES.map((name) => [name, name] as const),
  ...Object.entries(SHORT_NAMES),
]);

/** Registers the route. */
export const chartRoutes: FastifyPluginAsync<ChartDeps> = async (app, deps) => {
  const { db, status } = deps;
  const hours = wholeNumber({ least: 1, most: 168, usual: 24 });
  const points = wholeNumber(BOUNDS.points);
  const symbolChart = z.object({ hours, points, symbol: key('a symbol such as BTC/USDT', USUAL_SYMBOL) });
  const metricChart = z.object({ hours, points, metric_name: keys('names of metrics', deps.keyLimit) });

  app.get<{ Params: { chart: string } }>('/api/chart/:chart', async ({ params, query }, reply) => {
    const stream = chartNamed(params.chart);
    const bySymbol = stream.key.name === 'symbol';
    const asked = bySymbol
      ? { ...parseInput(symbolChart, query), metric_name: null }
      : { ...parseInput(metricChart, query), symbol: null };
    requireUsable(status, stream);
    const channels = await inReadTransaction(db, async (client) => {
      const read: ChannelHistory[] = [];
      const request = {
        keys: asked.symbol === null ? asked.metric_name : [asked.symbol],
        range: { kind: 'window', ms: asked.hours * HOUR_MS },
        resolution: { points: asked.points },
        now: deps.now(),
        pointLimit: deps.pointLimit,
      } as const;
      for await (const channel of readChannels(client, stream, request)) read.push(channel);
      return read;
    });
    return json(reply, chartDocument(params.chart, asked, channels, bySymbol));
  });
};

function chartNamed(name: string): StreamDeclaration {
  const stream = CHARTS.get(name);
  if (stream !== undefined) return STREAMS[stream];
  const message = `${shown(name)} is no chart; there are ${[...CHARTS.keys()].join(', ')}`;
  throw new Problem(404, message, { errors: [{ path: 'chart', message }] });
}

/** A chart's document; `name` of a line is its series or, where a chart has many keys, its key. */
function chartDocument(
  chart: string,
  asked: { readonly hours: number; readonly symbol: string | null },
  channels: readonly ChannelHistory[],
  bySymbol: boolean,
): string {
  const lines = channels.flatMap((channel) =>
    channel.lines.map(
      (line) => `{"name":${JSON.stringify(bySymbol ? line.name : channel.key)},"columns":${encodeColumns(line)}}`,
    ),
  );
  const about = {
    chart_type: chart,
    symbol: asked.symbol,
    hours: asked.hours,
    reduced: channels.some((channel) => channel.reduced),
    bucket_ms: channels.find((channel) => channel.reduced)?.bucketMs ?? null,
    rows_total: channels.reduce((sum, channel) => sum + channel.rowsTotal, 0),
  };
  return `${JSON.stringify(about).slice(0, -1)},"data":[${lines.join(',')}]}`;
}
