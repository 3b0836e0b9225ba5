/** The REST routes that read lists, and documents of a symbol: symbols, streams, keys. Numbers leave with the database's own digits. */
import type { FastifyPluginAsync } from 'fastify';
import * as z from 'zod';
import { rowCodec } from '../../shared/rows.ts';
import type { StreamDeclaration } from '../../shared/streams.ts';
import { STREAM_LIST, STREAMS } from '../../shared/streams.ts';
import { newestRows } from '../db/history-rows.ts';
import { KnownKeys } from '../db/known-keys.ts';
import type { ServiceStatus } from '../status.ts';
import { isOff, requireDatabase, requireUsable, SHORT_NAMES, streamNamed } from './availability.ts';
import { type ChartDeps, chartRoutes } from './chart.ts';
import { checksumRoutes } from './checksum.ts';
import { JSON_TYPE, json } from './json.ts';
import { gather, sendPieces } from './pieces.ts';
import { type RowsDeps, rowsRoutes } from './rows.ts';
import { key, parseInput, wholeNumber } from './validation.ts';

/** What the routes read from, and how much they may answer. */
export interface ApiDeps extends ChartDeps, RowsDeps {
  /** Lists of keys; absent: they are looked up at each request. */
  readonly keys?: KnownKeys;
}

const HOUR_MS = 3_600_000;

/** The members of a symbol's document, in order. */
const DOCUMENT_MEMBERS = ['funding_rates', 'anomalies', 'performance', 'predictions'] as const;
const hours = wholeNumber({ least: 1, most: 168, usual: 24 });

/** What may be asked of a symbol's document, the symbol itself included. */
export function symbolQuery(rowLimit: number) {
  return z.object({
    symbol: key('a symbol such as BTC/USDT'),
    hours,
    limit: wholeNumber({ least: 1, most: rowLimit, usual: Math.min(1000, rowLimit) }),
  });
}

/** Registers the routes. */
export const apiRoutes: FastifyPluginAsync<ApiDeps> = async (app, deps) => {
  const { db, status, keys = new KnownKeys(db) } = deps;
  const symbolData = symbolQuery(deps.rowLimit);

  await app.register(chartRoutes, deps);
  await app.register(checksumRoutes, deps);
  await app.register(rowsRoutes, deps);

  app.get('/api/symbols', async (_request, reply) => {
    requireDatabase(status);
    return json(reply, JSON.stringify({ symbols: await keys.symbols((stream) => !isOff(status, stream)) }));
  });

  app.get('/api/streams', async (_request, reply) =>
    json(reply, JSON.stringify({ streams: STREAM_LIST.map((stream) => describeStream(stream, status)) })),
  );

  app.get<{ Params: { stream: string } }>('/api/streams/:stream/keys', async ({ params }, reply) => {
    const stream = streamNamed(params.stream);
    requireUsable(status, stream);
    return json(reply, JSON.stringify({ stream: stream.name, keys: await keys.keys(stream) }));
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
      return await sendPieces(reply, gather(symbolDocument(deps, asked)), JSON_TYPE);
    },
  );
};

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
      for await (const rows of newestRows(db, stream, { key: symbol, series: null, from, below: null, limit })) {
        yield separator + rows.map((row) => codec.encode(row, 'full')).join(',');
        separator = ',';
      }
    }
    yield ']';
  }
  yield Object.keys(off).length === 0 ? '}' : `,"off":${JSON.stringify(off)}}`;
}
