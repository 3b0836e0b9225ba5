/** The rows that other programs write and read, and how they travel as JSON. */

/** Any moment: epoch milliseconds, a date, or ISO 8601 (UTC where it names no zone). */
export type Moment = number | string | Date;

/** An anomaly to be written. */
export interface NewAnomaly {
  /** 1 to 20 characters. */
  readonly symbol: string;
  /** What was measured; 1 to 50 characters. */
  readonly data_type: string;
  readonly value: number;
  /** In standard deviations, with its sign. */
  readonly z_score: number;
  /** Absent: 3. */
  readonly threshold?: number | null | undefined;
  /** Absent: the moment of writing. */
  readonly timestamp?: Moment | undefined;
  /** Any JSON. */
  readonly metadata?: unknown;
}

/** A measurement of a system to be written. */
export interface NewSystemMetric {
  /** 1 to 100 characters. */
  readonly metric_name: string;
  readonly metric_value: number;
  /** 1 to 20 characters. */
  readonly metric_unit?: string | null | undefined;
  /** Absent: the moment of writing. */
  readonly timestamp?: Moment | undefined;
  /** Any JSON. */
  readonly metadata?: unknown;
}

/** An anomaly as it was read. Times are epoch milliseconds, microseconds are their fraction. */
export interface Anomaly {
  readonly id: number;
  readonly timestamp: number;
  readonly symbol: string;
  readonly data_type: string | null;
  readonly value: number | null;
  readonly z_score: number | null;
  readonly threshold: number | null;
  readonly metadata: unknown;
  readonly created_at: number | null;
}

/** A measurement as it was read. Times are epoch milliseconds, microseconds are their fraction. */
export interface SystemMetric {
  readonly id: number;
  readonly timestamp: number;
  readonly metric_name: string;
  readonly metric_value: number | null;
  readonly metric_unit: string | null;
  readonly metadata: unknown;
  readonly created_at: number | null;
}

/** A JSON object. */
export type Json = Readonly<Record<string, unknown>>;

/** JSON has no NaN and no infinity, which the tables hold; they travel as their names. */
export function toWire(row: object): Json {
  return Object.fromEntries(
    Object.entries(row).map(([name, value]: [string, unknown]) => {
      if (name === 'timestamp' && value instanceof Date) return [name, momentText(value)];
      return [name, typeof value === 'number' && !Number.isFinite(value) ? String(value) : value];
    }),
  );
}

/**
 * A moment as the dashboard reads it.
 *
 * @throws RangeError for a date that is none: as JSON it would be null, and the row dated at the moment of writing.
 */
export function momentText(moment: Moment): string {
  return moment instanceof Date ? moment.toISOString() : String(moment);
}

/** An anomaly as the dashboard sends it; null where it is none. */
export function anomalyOf(row: unknown): Anomaly | null {
  const cells = objectOf(row);
  const head = headOf(cells);
  if (cells === null || head === null || typeof cells.symbol !== 'string') return null;
  return {
    ...head,
    symbol: cells.symbol,
    data_type: textOf(cells.data_type),
    value: numberOf(cells.value),
    z_score: numberOf(cells.z_score),
    threshold: numberOf(cells.threshold),
  };
}

/** A measurement as the dashboard sends it; null where it is none. */
export function metricOf(row: unknown): SystemMetric | null {
  const cells = objectOf(row);
  const head = headOf(cells);
  if (cells === null || head === null || typeof cells.metric_name !== 'string') return null;
  return {
    ...head,
    metric_name: cells.metric_name,
    metric_value: numberOf(cells.metric_value),
    metric_unit: textOf(cells.metric_unit),
  };
}

function headOf(cells: Json | null): Pick<Anomaly, 'id' | 'timestamp' | 'metadata' | 'created_at'> | null {
  if (cells === null) return null;
  const { id, timestamp, metadata = null, created_at } = cells;
  if (typeof id !== 'number' || typeof timestamp !== 'number') return null;
  return { id, timestamp, metadata, created_at: numberOf(created_at) };
}

function numberOf(cell: unknown): number | null {
  if (typeof cell === 'number') return cell;
  return cell === 'NaN' || cell === 'Infinity' || cell === '-Infinity' ? Number(cell) : null;
}

const textOf = (cell: unknown): string | null => (typeof cell === 'string' ? cell : null);

/** The value as a JSON object; null where it is none. */
export function objectOf(value: unknown): Json | null {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? { ...value } : null;
}
