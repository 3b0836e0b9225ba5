/** The REST routes that read data: symbols, streams, keys, rows and charts. Numbers leave with the database's own digits. */
import { Readable } from 'node:stream';
import type { FastifyPluginAsync, FastifyReply } from 'fastify';
import * as z from 'zod';
import { BOUNDS } from '../../shared/protocol.ts';
import { rowCodec } from '../../shared/rows.ts';
import type { StreamDeclaration, StreamName } from '../../shared/streams.ts';
import { isStreamName, STREAM_LIST, STREAM_NAMES, STREAMS } from '../../shared/streams.ts';
import type { ChannelHistory } from '../db/history.ts';
import { encodeColumns, readChannels } from '../db/history.ts';
import { newestRows } from '../db/history-rows.ts';
import type { Database } from '../db/queryable.ts';
import { inReadTransaction } from '../db/queryable.ts';
import { listKeys, listSymbols } from '../db/symbols.ts';
import type { ServiceStatus } from '../status.ts';
import { Problem } from './problem.ts';
import { key, keys, parseInput, shown, wholeNumber } from './validation.ts';

/** What the routes read from, and how much they may answer. */
export interface ApiDeps {
  readonly db: Database;
  readonly status: ServiceStatus;
  /** Epoch ms. */
  readonly now: () => number;
  /** Most points (keys times buckets) of one chart. */
  readonly pointLimit: number;
  /** Most keys that one request may name. */
  readonly keyLimit: number;
  /** Most rows of one stream in one answer. */
  readonly rowLimit: number;
}

const HOUR_MS = 3_600_000;
/** An answer is sent as a whole up to this many characters, and in pieces beyond. */
const PIECE = 65_536;
/** What a chart shows where no symbol is asked for. */
const USUAL_SYMBOL = 'BTC/USDT';

/** Short names of streams, as charts and documents have always been called. */
const SHORT_NAMES = {
  funding_rates: 'funding_rates',
  anomalies: 'anomalies',
  performance: 'performance_metrics',
  predictions: 'signal_predictions',
  system_metrics: 'system_metrics',
} as const satisfies Readonly<Record<string, StreamName>>;
/** The members of a symbol's document, in order. */
const DOCUMENT_MEMBERS = ['funding_rates', 'anomalies', 'performance', 'predictions'] as const;
const CHARTS: ReadonlyMap<string, StreamName> = new Map([
  ...STREAM_NAMES.map((name) => [name, name] as const),
  ...Object.entries(SHORT_NAMES),
]);

const hours = wholeNumber({ least: 1, most: 168, usual: 24 });

/** Registers the routes. */
export const apiRoutes: FastifyPluginAsync<ApiDeps> = async (app, deps) => {
  const { db, status } = deps;
  const symbolData = z.object({
    symbol: key('a symbol such as BTC/USDT'),
    hours,
    limit: wholeNumber({ least: 1, most: deps.rowLimit, usual: Math.min(1000, deps.rowLimit) }),
  });
  const points = wholeNumber(BOUNDS.points);
  const symbolChart = z.object({ hours, points, symbol: key('a symbol such as BTC/USDT', USUAL_SYMBOL) });
  const metricChart = z.object({ hours, points, metric_name: keys('names of metrics', deps.keyLimit) });

  app.get('/api/symbols', async (_request, reply) => {
    requireDatabase(status);
    return json(reply, JSON.stringify({ symbols: await listSymbols(db, (stream) => !isOff(status, stream)) }));
  });

  app.get('/api/streams', async (_request, reply) =>
    json(reply, JSON.stringify({ streams: STREAM_LIST.map((stream) => describeStream(stream, status)) })),
  );

  app.get<{ Params: { stream: string } }>('/api/streams/:stream/keys', async ({ params }, reply) => {
    const stream = streamNamed(params.stream);
    requireUsable(status, stream);
    return json(reply, JSON.stringify({ stream: stream.name, keys: await listKeys(db, stream) }));
  });

  // A wildcard, because a symbol holds a slash; it matches a slash that came as %2F just as well.
  app.get<{ Params: { '*': string }; Querystring: Readonly<Record<string, unknown>> }>(
    '/api/data/*',
    async ({ params, query }, reply) => {
      const asked = parseInput(symbolData, { ...query, symbol: params['*'] });
      requireDatabase(status);
      if (DOCUMENT_MEMBERS.every((member) => isOff(status, STREAMS[SHORT_NAMES[member]]))) {
        requireUsable(status, STREAMS[SHORT_NAMES[DOCUMENT_MEMBERS[0]]]);
      }
      return await sendPieces(reply, gather(symbolDocument(deps, asked)));
    },
  );

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

function json(reply: FastifyReply, text: string): FastifyReply {
  return reply.header('cache-control', 'no-store').type('application/json; charset=utf-8').send(text);
}

function isOff(status: ServiceStatus, stream: StreamDeclaration): boolean {
  return status.stream(stream.name).state === 'off';
}

function requireDatabase(status: ServiceStatus): void {
  if (status.database === 'up') return;
  throw new Problem(503, 'the database cannot be reached at the moment; the server goes on trying', {
    headers: { 'retry-after': '5' },
  });
}

/** @throws Problem 503 where the stream cannot be read now, with the reason and the mend. */
function requireUsable(status: ServiceStatus, stream: StreamDeclaration): void {
  requireDatabase(status);
  const state = status.stream(stream.name);
  if (state.state !== 'off') return;
  throw new Problem(503, `stream ${stream.name} is off: ${state.reason}. ${state.mend}`, {
    members: { stream: stream.name, reason: state.reason, mend: state.mend },
  });
}

function streamNamed(name: string): StreamDeclaration {
  if (isStreamName(name)) return STREAMS[name];
  const message = `${shown(name)} is no stream; there are ${STREAM_NAMES.join(', ')}`;
  throw new Problem(404, message, { errors: [{ path: 'stream', message }] });
}

function chartNamed(name: string): StreamDeclaration {
  const stream = CHARTS.get(name);
  if (stream !== undefined) return STREAMS[stream];
  const message = `${shown(name)} is no chart; there are ${[...CHARTS.keys()].join(', ')}`;
  throw new Problem(404, message, { errors: [{ path: 'chart', message }] });
}

function describeStream(stream: StreamDeclaration, status: ServiceStatus): Readonly<Record<string, unknown>> {
  return {
    name: stream.name,
    key: stream.key.name,
    series: stream.series?.name ?? null,
    values: stream.values.map(({ name, unit }) => ({ name, unit })),
    ...status.stream(stream.name),
    newest_age_ms: status.newestAgeMs(stream.name),
  };
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

/** A symbol's rows of the four symbol streams in pieces of JSON. A stream that is off has none, and `off` says why. */
async function* symbolDocument(
  { db, status, now }: ApiDeps,
  { symbol, hours, limit }: { readonly symbol: string; readonly hours: number; readonly limit: number },
): AsyncGenerator<string> {
  const from = now() - hours * HOUR_MS;
  const off: Record<string, unknown> = {};
  yield JSON.stringify({ symbol, hours }).slice(0, -1);
  for (const member of DOCUMENT_MEMBERS) {
    const stream: StreamDeclaration = STREAMS[SHORT_NAMES[member]];
    yield `,"${member}":[`;
    const state = status.stream(stream.name);
    if (state.state === 'off') {
      off[member] = { reason: state.reason, mend: state.mend };
    } else {
      const codec = rowCodec(stream);
      let separator = '';
      for await (const rows of newestRows(db, stream, { key: symbol, from, limit })) {
        if (rows.length === 0) continue;
        yield separator + rows.map((row) => codec.encode(row, 'full')).join(',');
        separator = ',';
      }
    }
    yield ']';
  }
  yield Object.keys(off).length === 0 ? '}' : `,"off":${JSON.stringify(off)}}`;
}

/** Joins small pieces to larger ones. */
async function* gather(pieces: AsyncIterable<string>): AsyncGenerator<string> {
  let gathered = '';
  for await (const piece of pieces) {
    gathered += piece;
    if (gathered.length < PIECE) continue;
    yield gathered;
    gathered = '';
  }
  if (gathered !== '') yield gathered;
}

/** Answers pieces of JSON. The first is waited for, so that a failure before it is still told by the status. */
async function sendPieces(reply: FastifyReply, pieces: AsyncGenerator<string>): Promise<FastifyReply> {
  const first = await pieces.next();
  const start = first.value ?? '';
  if (start.length < PIECE) return json(reply, start);
  const all = async function* (): AsyncGenerator<string> {
    yield start;
    yield* pieces;
  };
  return reply
    .header('cache-control', 'no-store')
    .type('application/json; charset=utf-8')
    .send(Readable.from(all(), { objectMode: false }));
}
