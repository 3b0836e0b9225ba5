/**
 * The five streams, declared once. Queries, triggers, frames, REST routes and documentation derive from this data;
 * what a stream looks like on screen is `client/recipes.ts`.
 */

/** How a column is read, sent and drawn; `columns.ts` says what each kind means. */
export type ColumnKind = 'integer' | 'decimal' | 'float' | 'text' | 'timestamp' | 'document';

/** One column of a stream's table. */
export interface Column {
  readonly name: string;
  readonly kind: ColumnKind;
  /** True where the declaration of the table says NOT NULL. */
  readonly required: boolean;
  /** Type in the DDL, for the migrations that are generated from this file. */
  readonly sqlType: string;
}

/**
 * A column that carries a measured value.
 *
 * `unit`: `fraction` (0.01 is 1 %), `quote` (an amount in the symbol's quote currency), `s` (seconds), `count`, `sigma`
 * (standard deviations), `epoch_ms`, or null where the row or the writer alone knows it.
 */
export interface ValueColumn extends Column {
  readonly unit: 'fraction' | 'quote' | 's' | 'count' | 'sigma' | 'epoch_ms' | null;
}

/** An index, as its list of columns. */
export interface IndexDeclaration {
  readonly columns: string;
  /** Columns that are carried along, so that a chart's rows are read from the index alone, which keeps them together. */
  readonly include?: readonly string[];
}

/** A stream: one append-only table, followed by rows of one key at a time. */
export interface StreamDeclaration {
  readonly name: StreamName;
  readonly table: string;
  /** The column that a subscriber selects by. */
  readonly key: Column;
  /** The column that makes one line in a chart within a key, or null where a key has one line. */
  readonly series: Column | null;
  readonly values: readonly ValueColumn[];
  /** JSON documents, left out of frames with `detail: values`. */
  readonly documents: readonly string[];
  /** True where the dashboard's own migration owns the table (it is made with every index), false where it was there before. */
  readonly owned: boolean;
  /** Indexes that the dashboard's queries rely on. Made where missing. */
  readonly indexes: readonly IndexDeclaration[];
}

/** Names of the streams, which are those of their tables too. */
export const STREAM_NAMES = [
  'funding_rates',
  'anomalies',
  'performance_metrics',
  'signal_predictions',
  'system_metrics',
] as const;
export type StreamName = (typeof STREAM_NAMES)[number];

const symbol: Column = { name: 'symbol', kind: 'text', required: true, sqlType: 'varchar(20)' };
const text = (name: string, sqlType: string, required = true): Column => ({ name, kind: 'text', required, sqlType });
const float = (name: string, unit: ValueColumn['unit'], sqlType = 'double precision'): ValueColumn => ({
  name,
  kind: 'float',
  required: sqlType.includes('not null'),
  sqlType,
  unit,
});

/** Columns that every stream's table has beside its own: identity, time and time of writing. */
export const ID_COLUMN: Column = { name: 'id', kind: 'integer', required: true, sqlType: 'serial' };
export const TIME_COLUMN: Column = { name: 'timestamp', kind: 'timestamp', required: true, sqlType: 'timestamptz' };
export const CREATED_COLUMN: Column = {
  name: 'created_at',
  kind: 'timestamp',
  required: false,
  sqlType: 'timestamptz default now()',
};

/** The additive column that the migrations put on a stream's table: the id of the transaction that wrote the row. */
export const CURSOR_COLUMN = 'dashboard_xid';

/** The streams, by name. */
export const STREAMS: { readonly [N in StreamName]: StreamDeclaration & { readonly name: N } } = {
  funding_rates: {
    name: 'funding_rates',
    table: 'funding_rates',
    key: symbol,
    series: text('exchange', 'varchar(20)'),
    values: [
      { name: 'funding_rate', kind: 'decimal', required: true, sqlType: 'decimal(10,8) not null', unit: 'fraction' },
      { name: 'estimated_rate', kind: 'decimal', required: false, sqlType: 'decimal(10,8)', unit: 'fraction' },
      { name: 'next_funding_time', kind: 'timestamp', required: false, sqlType: 'timestamptz', unit: 'epoch_ms' },
    ],
    documents: ['metadata'],
    owned: false,
    indexes: [
      {
        columns: 'symbol, exchange, "timestamp" desc, id desc',
        include: ['funding_rate', 'estimated_rate', 'next_funding_time'],
      },
      { columns: '"timestamp" desc' },
    ],
  },
  anomalies: {
    name: 'anomalies',
    table: 'anomalies',
    key: symbol,
    series: text('data_type', 'varchar(50)'),
    values: [
      float('value', null, 'double precision not null'),
      float('z_score', 'sigma', 'double precision not null'),
      float('threshold', 'sigma', 'double precision default 3.0'),
    ],
    documents: ['metadata'],
    owned: true,
    indexes: [{ columns: 'symbol, "timestamp" desc' }, { columns: 'z_score desc, "timestamp" desc' }],
  },
  performance_metrics: {
    name: 'performance_metrics',
    table: 'performance_metrics',
    key: symbol,
    series: text('strategy_id', 'varchar(50)'),
    values: [
      float('pnl', 'quote', 'double precision default 0'),
      float('win_rate', 'fraction', 'double precision default 0'),
      float('drawdown', 'quote', 'double precision default 0'),
      float('execution_time', 's', 'double precision default 0'),
      { name: 'trade_count', kind: 'integer', required: false, sqlType: 'integer default 0', unit: 'count' },
      float('avg_position_size', null, 'double precision default 0'),
      float('max_position_size', null, 'double precision default 0'),
    ],
    documents: ['metadata'],
    owned: false,
    indexes: [{ columns: 'symbol, strategy_id, "timestamp" desc' }, { columns: 'pnl, drawdown, "timestamp" desc' }],
  },
  signal_predictions: {
    name: 'signal_predictions',
    table: 'signal_predictions',
    key: symbol,
    series: text('signal_type', 'varchar(50)'),
    values: [float('confidence', 'fraction', 'double precision not null'), float('predicted_pnl', 'quote')],
    documents: ['features', 'metadata'],
    owned: false,
    indexes: [
      { columns: 'symbol, signal_type, "timestamp" desc, id desc', include: ['confidence', 'predicted_pnl'] },
      { columns: 'symbol, "timestamp" desc' },
      { columns: 'confidence desc, "timestamp" desc' },
    ],
  },
  system_metrics: {
    name: 'system_metrics',
    table: 'system_metrics',
    key: text('metric_name', 'varchar(100)'),
    series: null,
    values: [
      float('metric_value', null, 'double precision not null'),
      { name: 'metric_unit', kind: 'text', required: false, sqlType: 'varchar(20)', unit: null },
    ],
    documents: ['metadata'],
    owned: true,
    indexes: [{ columns: 'metric_name, "timestamp" desc, id desc', include: ['metric_value', 'metric_unit'] }],
  },
};

/** The streams in declaration order. */
export const STREAM_LIST: readonly StreamDeclaration[] = STREAM_NAMES.map((name) => STREAMS[name]);

/** Whether an index of a stream leads with key, series and time, so that each line is one range of it. */
export function hasLineIndex({ key, series, indexes }: StreamDeclaration): boolean {
  return (
    series !== null &&
    indexes.some(({ columns }) => columns.startsWith(`${key.name}, ${series.name}, "timestamp" desc`))
  );
}

/** Whether a string names a stream. */
export function isStreamName(name: string): name is StreamName {
  return Object.hasOwn(STREAMS, name);
}

/** Every column of a stream's table that the dashboard reads, in the order in which frames and CSV carry them. */
export function columnsOf(stream: StreamDeclaration): readonly Column[] {
  return [
    ID_COLUMN,
    TIME_COLUMN,
    stream.key,
    ...(stream.series ? [stream.series] : []),
    ...stream.values,
    ...stream.documents.map((name): Column => ({ name, kind: 'document', required: false, sqlType: 'jsonb' })),
    CREATED_COLUMN,
  ];
}
