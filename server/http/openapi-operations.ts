/** What the document of the REST interface says of each route: words for every parameter, answers, and examples that hold. */
import type * as z from 'zod';
import { STREAM_NAMES, STREAMS } from '../../shared/streams.ts';
import type { AnswerName } from './answers.ts';
import { symbolQuery } from './api.ts';
import { CHARTS, metricChart, symbolChart } from './chart.ts';
import { checksumQuery } from './checksum.ts';
import type { Json } from './json-schema.ts';
import { EXAMPLES } from './openapi-examples.ts';
import { anomaliesQuery, metricsQuery, rowsQuery } from './rows.ts';
import { rowToWrite } from './write-schema.ts';

/** An answer of one status: JSON with a schema by name, or a text of another media type. */
export type Answer =
  | { readonly words: string; readonly schema: AnswerName; readonly example?: unknown }
  | { readonly words: string; readonly type: string }
  | { readonly words: string };

/** A parameter in the path. */
export interface PathParameter {
  readonly words: string;
  readonly schema: Json;
  readonly example: string;
}

/** Parameters of a query string: the schema that parses them, and words for each. */
export interface QueryParameters {
  readonly schema: z.ZodObject;
  readonly words: Readonly<Record<string, string>>;
  /** Those that have to be given, where the schema leaves that to a later step. */
  readonly required?: readonly string[];
}

/** One operation of the interface. */
export interface Operation {
  readonly method: 'get' | 'post';
  /** The path as the document has it; `route` as the server has it, where that is another. */
  readonly path: string;
  readonly route?: string;
  readonly tag: Tag;
  readonly summary: string;
  readonly description?: string;
  /** Who may: everybody, whoever may read, whoever may write. */
  readonly access: 'open' | 'read' | 'write';
  readonly parameters?: Readonly<Record<string, PathParameter>>;
  readonly query?: QueryParameters;
  readonly body?: {
    readonly words: string;
    readonly schema: z.ZodType;
    readonly many: number;
    readonly example: unknown;
  };
  readonly answers: Readonly<Record<number, Answer>>;
  /** Problems that it may answer beside those that every route may. */
  readonly problems?: readonly (400 | 403 | 404 | 413 | 415 | 429 | 503)[];
}

/** The groups of routes, in the order of the document. */
export const TAGS = {
  rows: 'Rows, documents and charts.',
  writing: 'Writing rows.',
  lists: 'Streams, symbols and keys.',
  standing: 'How the service is.',
  documents: 'The interface itself.',
  pages: 'What is for browsers, and the live feed.',
} as const;
export type Tag = keyof typeof TAGS;

/** What the documented bounds depend on. */
export interface OperationLimits {
  readonly pageRows: number;
  readonly keysPerSubscription: number;
}

/** Words for each parameter that a schema has: one without does not build. */
function query<S extends z.ZodObject>(
  schema: S,
  words: { readonly [K in keyof S['shape']]: string },
  required: readonly (keyof S['shape'] & string)[] = [],
): QueryParameters {
  return { schema, words, required };
}

const MOMENT = 'Epoch milliseconds or ISO 8601 (UTC where no zone is given).';
const streamParameter: PathParameter = {
  words: 'A stream.',
  schema: { type: 'string', enum: STREAM_NAMES },
  example: 'funding_rates',
};
const LIMIT = 'Rows of a page at most.';
const CURSOR = '`next_cursor` of the page before, as it came.';

/** All operations, with the bounds of a server. */
export function operations({ pageRows, keysPerSubscription }: OperationLimits): readonly Operation[] {
  return [
    {
      method: 'get',
      path: '/api/streams/{stream}/rows',
      tag: 'rows',
      summary: 'Rows of a stream, newest first',
      description: 'Pages of JSON, or CSV of any length: without `limit` a CSV is everything that was asked for.',
      access: 'read',
      parameters: { stream: streamParameter },
      query: query(rowsQuery(STREAMS.funding_rates, pageRows), {
        key: 'One key: a symbol or, of system_metrics, the name of a metric. Absent: all.',
        series: 'One series (exchange, data_type, strategy_id, signal_type). Absent: all.',
        from: `Rows of this time and later. ${MOMENT}`,
        to: `Rows before this time. ${MOMENT}`,
        limit: LIMIT,
        cursor: CURSOR,
        format: 'What is answered.',
      }),
      answers: {
        200: { words: 'A page of rows; with `format=csv` a file.', schema: 'Rows', example: EXAMPLES.rows },
      },
      problems: [400, 404, 503],
    },
    {
      method: 'get',
      path: '/api/anomalies',
      tag: 'rows',
      summary: 'Anomalies, newest first',
      access: 'read',
      query: query(anomaliesQuery(pageRows), {
        symbol: 'One symbol. Absent: all.',
        start_time: `Rows of this time and later. ${MOMENT}`,
        min_z: 'Those whose |z| is this or more.',
        limit: LIMIT,
        cursor: CURSOR,
      }),
      answers: { 200: { words: 'A page of rows.', schema: 'Rows', example: EXAMPLES.anomalies } },
      problems: [400, 503],
    },
    {
      method: 'get',
      path: '/api/system-metrics',
      tag: 'rows',
      summary: 'System metrics, newest first',
      access: 'read',
      query: query(metricsQuery(pageRows), {
        metric_name: 'One metric. Absent: all.',
        start_time: `Rows of this time and later. ${MOMENT}`,
        limit: LIMIT,
        cursor: CURSOR,
      }),
      answers: { 200: { words: 'A page of rows.', schema: 'Rows', example: EXAMPLES.metricRows } },
      problems: [400, 503],
    },
    {
      method: 'get',
      path: '/api/data/{symbol}',
      route: '/api/data/*',
      tag: 'rows',
      summary: "A symbol's rows of the four streams that have symbols",
      access: 'read',
      parameters: {
        symbol: {
          words: 'A symbol, with its slash encoded (`BTC%2FUSDT`) or plain.',
          schema: { type: 'string', minLength: 1, maxLength: 200 },
          example: 'BTC/USDT',
        },
      },
      query: query(symbolQuery(pageRows).omit({ symbol: true }), {
        hours: 'Rows of so many hours, and those that are dated in the future.',
        limit: 'Rows of each stream at most.',
      }),
      answers: { 200: { words: 'The rows, newest first.', schema: 'SymbolData', example: EXAMPLES.symbolData } },
      problems: [400, 503],
    },
    {
      method: 'get',
      path: '/api/chart/{chart}',
      route: '/api/chart/:chart',
      tag: 'rows',
      summary: 'What a picture of the rows can show',
      description: 'Of each bucket of time and each value the first, the lowest, the highest and the last row.',
      access: 'read',
      parameters: {
        chart: { words: 'A chart.', schema: { type: 'string', enum: [...CHARTS.keys()] }, example: 'funding_rates' },
      },
      query: query(symbolChart.extend(metricChart(keysPerSubscription).shape), {
        symbol: 'The symbol; not for system_metrics.',
        metric_name: 'Metrics, for system_metrics; may be repeated. Absent: all.',
        hours: 'From so many hours ago on.',
        from: `In place of hours, with \`to\`. ${MOMENT}`,
        to: `At most 8 days after \`from\`. ${MOMENT}`,
        points: 'Buckets of each key.',
        bucket_ms: 'In place of points: the width of a bucket.',
      }),
      answers: { 200: { words: 'Its lines in columns.', schema: 'Chart', example: EXAMPLES.chart } },
      problems: [400, 404, 503],
    },
    {
      method: 'get',
      path: '/api/streams/{stream}/checksum',
      tag: 'rows',
      summary: "A checksum of what can be seen of a channel's rows",
      access: 'read',
      parameters: { stream: streamParameter },
      query: query(
        checksumQuery,
        {
          key: 'One key.',
          from: `The edge of a bucket. ${MOMENT}`,
          to: `The same, at most 8 days later. ${MOMENT}`,
          bucket_ms: 'The width of a bucket; at most 10,000 of them.',
          parts: 'Parts that the span is cut into.',
        },
        ['from', 'to', 'bucket_ms'],
      ),
      answers: { 200: { words: 'The sums of the parts.', schema: 'Checksum', example: EXAMPLES.checksum } },
      problems: [400, 404, 503],
    },
    ...writing(),
    {
      method: 'get',
      path: '/api/symbols',
      tag: 'lists',
      summary: 'Every symbol of the four streams that have symbols, sorted',
      access: 'read',
      answers: { 200: { words: 'The symbols.', schema: 'Symbols', example: EXAMPLES.symbols } },
      problems: [503],
    },
    {
      method: 'get',
      path: '/api/streams',
      tag: 'lists',
      summary: 'The streams with their columns, units and state',
      access: 'read',
      answers: { 200: { words: 'The streams.', schema: 'Streams', example: EXAMPLES.streams } },
    },
    {
      method: 'get',
      path: '/api/streams/{stream}/keys',
      tag: 'lists',
      summary: 'The keys of a stream, sorted',
      access: 'read',
      parameters: { stream: streamParameter },
      answers: { 200: { words: 'The keys.', schema: 'Keys', example: EXAMPLES.keys } },
      problems: [404, 503],
    },
  ];
}

function writing(): readonly Operation[] {
  const write = (path: string, summary: string, schema: z.ZodType, example: unknown): Operation => ({
    method: 'post',
    path,
    tag: 'writing',
    summary,
    description:
      'All or nothing, in one statement: the rows reach subscribers together and in their order. Without any token set only programs on the machine of the server may write.',
    access: 'write',
    body: { words: 'One row, or up to 1,000.', schema, many: 1000, example },
    answers: { 201: { words: 'The rows were written.', schema: 'Written', example: EXAMPLES.written } },
    problems: [400, 403, 413, 415, 503],
  });
  return [
    write('/api/anomalies', 'Writes anomalies', rowToWrite(STREAMS.anomalies), EXAMPLES.newAnomaly),
    write('/api/system-metrics', 'Writes system metrics', rowToWrite(STREAMS.system_metrics), EXAMPLES.newMetrics),
  ];
}
