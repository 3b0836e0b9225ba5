/**
 * The REST routes that give rows out: pages of any stream's rows, newest first, and the same as CSV of any length. What
 * is given does not depend on how fast it is taken: pages stand alone, so that a slow client holds nothing but its socket.
 */
import type { FastifyPluginAsync, FastifyReply } from 'fastify';
import * as z from 'zod';
import { rowCodec, type StreamRow } from '../../shared/rows.ts';
import type { StreamDeclaration } from '../../shared/streams.ts';
import { columnsOf, STREAMS } from '../../shared/streams.ts';
import type { RowsRequest } from '../db/history-rows.ts';
import { newestRows, placeOf } from '../db/history-rows.ts';
import type { Database } from '../db/queryable.ts';
import type { Magnitude, RowPlace } from '../db/rows-sql.ts';
import type { ServiceStatus } from '../status.ts';
import { requireUsable, streamNamed } from './availability.ts';
import { CSV_TYPE, csvHeader, csvLine } from './csv.ts';
import { JSON_TYPE } from './json.ts';
import { gather, sendPieces } from './pieces.ts';
import { badRequest, type ProblemFault } from './problem.ts';
import { decodeRowCursor, encodeRowCursor } from './row-cursor.ts';
import { leastNumber, moment, oneOf, optionalKey, parseKnown, shown, wholeNumber } from './validation.ts';

/** What the routes read from, and how much they may answer. */
export interface RowsDeps {
  readonly db: Database;
  readonly status: ServiceStatus;
  /** Epoch ms. */
  readonly now: () => number;
  /** Most rows of one page. */
  readonly rowLimit: number;
}

const USUAL_LIMIT = 1000;

type Query = Readonly<Record<string, unknown>>;
/** What was asked for; `limit` null: all of the rows. */
interface Asked {
  readonly key: string | null;
  readonly series: string | null;
  /** Epoch ms. */
  readonly from: number | null;
  readonly to: number | null;
  readonly limit: number | null;
  readonly magnitude?: Magnitude | undefined;
  readonly cursor: RowPlace | null;
}

const limitOf = (rowLimit: number) => wholeNumber({ least: 1, most: rowLimit, usual: Math.min(USUAL_LIMIT, rowLimit) });

/** What may be asked of a stream's rows. */
export function rowsQuery(stream: StreamDeclaration, rowLimit: number) {
  return z.object({
    key: optionalKey(`a value of ${stream.key.name}`),
    series: optionalKey(`a value of ${stream.series?.name ?? 'a series'}`),
    from: moment(),
    to: moment(),
    limit: limitOf(rowLimit),
    cursor: cursorOf(stream),
    format: oneOf(['json', 'csv']),
  });
}

/** The same of `/api/anomalies`. */
export function anomaliesQuery(rowLimit: number) {
  return z.object({
    symbol: optionalKey('a symbol such as BTC/USDT'),
    start_time: moment(),
    min_z: leastNumber(),
    limit: limitOf(rowLimit),
    cursor: cursorOf(STREAMS.anomalies),
  });
}

/** The same of `/api/system-metrics`. */
export function metricsQuery(rowLimit: number) {
  return z.object({
    metric_name: optionalKey('the name of a metric'),
    start_time: moment(),
    limit: limitOf(rowLimit),
    cursor: cursorOf(STREAMS.system_metrics),
  });
}

/** Registers the routes. */
export const rowsRoutes: FastifyPluginAsync<RowsDeps> = async (app, { db, status, now, rowLimit }) => {
  const anomalies = anomaliesQuery(rowLimit);
  const metrics = metricsQuery(rowLimit);
  const answerPage = async (reply: FastifyReply, stream: StreamDeclaration, asked: Asked): Promise<FastifyReply> => {
    requireUsable(status, stream);
    return sendPieces(reply, gather(pageOf(db, stream, asked)), JSON_TYPE);
  };

  app.get<{ Params: { stream: string }; Querystring: Query }>(
    '/api/streams/:stream/rows',
    async ({ params, query, method }, reply) => {
      const stream = streamNamed(params.stream);
      const { format, ...asked } = parseKnown(rowsQuery(stream, rowLimit), query);
      refuseContradictions(stream, asked, query);
      if (format === 'json') return answerPage(reply, stream, asked);
      requireUsable(status, stream);
      // A CSV is a file and no page: without a limit it is everything.
      const whole = { ...asked, limit: query.limit === undefined ? null : asked.limit };
      const headers = { 'content-disposition': `attachment; filename="${fileName(stream, asked, now())}"` };
      // Who asks for the head alone does not want the table to be read.
      const pieces = method === 'HEAD' ? nothing() : csvOf(db, stream, whole);
      return sendPieces(reply, gather(pieces), CSV_TYPE, headers);
    },
  );

  app.get<{ Querystring: Query }>('/api/anomalies', async ({ query }, reply) => {
    const { symbol, start_time, min_z, ...page } = parseKnown(anomalies, query);
    const magnitude = min_z === null ? undefined : { column: 'z_score', least: min_z };
    const asked = { ...page, magnitude, key: symbol, series: null, from: start_time, to: null };
    return answerPage(reply, STREAMS.anomalies, asked);
  });

  app.get<{ Querystring: Query }>('/api/system-metrics', async ({ query }, reply) => {
    const { metric_name, start_time, ...page } = parseKnown(metrics, query);
    const asked = { ...page, key: metric_name, series: null, from: start_time, to: null };
    return answerPage(reply, STREAMS.system_metrics, asked);
  });
};

/** The place of a cursor; null where it is absent. */
function cursorOf(stream: StreamDeclaration) {
  return z
    .unknown()
    .optional()
    .transform((value, context): RowPlace | null => {
      if (value === undefined) return null;
      const place = typeof value === 'string' ? decodeRowCursor(stream.name, value) : null;
      if (place !== null) return place;
      const message = `${shown(value)} is no cursor of ${stream.name}; give next_cursor of the page before as it came, once`;
      context.addIssue({ code: 'custom', message });
      return z.NEVER;
    })
    .meta({ type: 'string' });
}

/** @throws Problem 400 where what was asked for cannot be. */
function refuseContradictions(stream: StreamDeclaration, { series, from, to }: Asked, query: Query): void {
  const errors: ProblemFault[] = [];
  if (series !== null && stream.series === null) {
    errors.push({
      path: 'series',
      message: `${shown(series)} is not accepted; ${stream.name} has no series, leave it out`,
    });
  }
  if (from !== null && to !== null && to <= from) {
    errors.push({ path: 'to', message: `${shown(query.to)} is not after from, which is ${shown(query.from)}` });
  }
  if (errors.length > 0) throw badRequest(errors);
}

function requestOf({ key, series, from, to, cursor, magnitude }: Asked, limit: number | null): RowsRequest {
  // Below the cursor is below `to` as well, where the cursor came from a page of the same range; else the lower one holds.
  const end = to === null ? null : { ms: to };
  const ended = cursor !== null && (to === null || Number(cursor.micros) / 1000 < to);
  return { key, series, from, limit, magnitude, below: ended ? { place: cursor } : end };
}

/** A page of rows as JSON, in pieces: `{"rows":[...],"next_cursor":...}`. */
async function* pageOf(db: Database, stream: StreamDeclaration, asked: Asked): AsyncGenerator<string> {
  const { encode } = rowCodec(stream);
  const limit = asked.limit ?? Number.POSITIVE_INFINITY;
  let found = 0;
  let last: StreamRow | null = null;
  yield '{"rows":[';
  // One row more than is wanted tells whether there may be a next page.
  for await (const rows of newestRows(db, stream, requestOf(asked, limit + 1))) {
    const piece: string[] = [];
    for (const row of rows) {
      found += 1;
      // Rows of one place stay together: a cursor can only stand behind all of them.
      if (found > limit && (last === null || !samePlace(row, last))) break;
      piece.push(`${last === null ? '' : ','}${encode(row, 'full')}`);
      last = row;
    }
    yield piece.join('');
  }
  const next = found > limit && last !== null ? encodeRowCursor(stream.name, placeOf(last)) : null;
  yield `],"next_cursor":${JSON.stringify(next)}}`;
}

function samePlace(a: StreamRow, b: StreamRow): boolean {
  return a.id === b.id && a.cells[1] === b.cells[1];
}

async function* nothing(): AsyncGenerator<string> {}

/** Rows as the lines of a CSV. */
async function* csvOf(db: Database, stream: StreamDeclaration, asked: Asked): AsyncGenerator<string> {
  const columns = columnsOf(stream);
  yield csvHeader(columns);
  for await (const rows of newestRows(db, stream, requestOf(asked, asked.limit))) {
    yield rows.map((row) => csvLine(columns, row)).join('');
  }
}

/** `anomalies-BTC-USDT-20260115T123020Z.csv`: of signs that every file system and header takes. */
function fileName(stream: StreamDeclaration, { key, series }: Asked, now: number): string {
  const time = `${new Date(now).toISOString().slice(0, 19).replaceAll(/[-:]/g, '')}Z`;
  const parts = [stream.name, key, series, time].flatMap((part) => part ?? []);
  return `${parts.map((part) => part.replaceAll(/[^A-Za-z0-9._]+/g, '-')).join('-')}.csv`;
}
