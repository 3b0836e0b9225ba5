/**
 * Anomalies and system metrics for other programs in TypeScript or JavaScript: writes them through a running dashboard, and
 * reads them back. Needs nothing but `fetch`. The REST routes underneath are described in docs/rest.md.
 */
import { DashboardError, problemOf } from './problem.ts';
import {
  type Anomaly,
  anomalyOf,
  type Json,
  type Moment,
  metricOf,
  momentText,
  type NewAnomaly,
  type NewSystemMetric,
  objectOf,
  type SystemMetric,
  toWire,
} from './rows.ts';

export { DashboardError, type ErrorCode, type Fault } from './problem.ts';
export type { Anomaly, Moment, NewAnomaly, NewSystemMetric, SystemMetric } from './rows.ts';

/** What every reading may be narrowed by. */
interface Narrowing {
  /** Rows at or after this moment. Absent: from the first row on. */
  readonly startTime?: Moment | undefined;
  /** Most rows, 1000 where it is absent. Rows that share timestamp and id stay together: there may be a few more. */
  readonly limit?: number | undefined;
}

export interface AnomaliesWanted extends Narrowing {
  /** Absent: all symbols. */
  readonly symbol?: string | undefined;
  /** Only those whose |z-score| is at least this. */
  readonly leastZ?: number | undefined;
}

export interface SystemMetricsWanted extends Narrowing {
  /** Absent: all metrics. */
  readonly metricName?: string | undefined;
}

export interface DashboardOptions {
  /** Where the dashboard is, such as `http://127.0.0.1:8050`; a path in front of its own is kept. */
  readonly url: string | URL;
  /** A write token where the dashboard has such; for reading alone a view token does. */
  readonly token?: string | undefined;
  /** Ms until a request is given up; 10,000 where it is absent. */
  readonly timeoutMs?: number | undefined;
}

const USUAL_LIMIT = 1000;
const USUAL_TIMEOUT_MS = 10_000;
/** Rows of one request at most, as the dashboard gives them where nobody set it otherwise. */
const PAGE_ROWS = 1000;

/** A dashboard to write to and to read from. Holds no connection and nothing that would have to be closed. */
export class Dashboard {
  readonly #base: string;
  readonly #token: string | null;
  readonly #timeoutMs: number;

  /** @throws TypeError where the address is none of http or https. */
  constructor({ url, token, timeoutMs = USUAL_TIMEOUT_MS }: DashboardOptions) {
    const { protocol, origin, pathname } = new URL(url);
    if (protocol !== 'http:' && protocol !== 'https:')
      throw new TypeError(`the address of a dashboard begins with http:// or https://, not with ${protocol}`);
    this.#base = `${origin}${pathname.replace(/\/+$/, '')}`;
    this.#token = token ?? null;
    this.#timeoutMs = timeoutMs;
  }

  /**
   * Writes one anomaly, or up to 1,000 at once: all of them or none, in their order.
   *
   * @returns its id, or their ids in the same order.
   * @throws DashboardError; after `timeout` and `unreachable` the rows may have been written all the same.
   */
  saveAnomaly(row: NewAnomaly): Promise<number>;
  saveAnomaly(rows: readonly NewAnomaly[]): Promise<readonly number[]>;
  async saveAnomaly(given: NewAnomaly | readonly NewAnomaly[]): Promise<number | readonly number[]> {
    return this.#save('/api/anomalies', given);
  }

  /**
   * Writes one measurement, or up to 1,000 at once: all of them or none, in their order.
   *
   * @returns its id, or their ids in the same order.
   * @throws DashboardError; after `timeout` and `unreachable` the rows may have been written all the same.
   */
  saveSystemMetric(row: NewSystemMetric): Promise<number>;
  saveSystemMetric(rows: readonly NewSystemMetric[]): Promise<readonly number[]>;
  async saveSystemMetric(given: NewSystemMetric | readonly NewSystemMetric[]): Promise<number | readonly number[]> {
    return this.#save('/api/system-metrics', given);
  }

  /**
   * Reads anomalies, newest first.
   *
   * @throws DashboardError
   */
  async getAnomalies({ symbol, leastZ, ...wanted }: AnomaliesWanted = {}): Promise<readonly Anomaly[]> {
    return this.#rows('/api/anomalies', { symbol, min_z: leastZ }, wanted, anomalyOf);
  }

  /**
   * Reads measurements, newest first.
   *
   * @throws DashboardError
   */
  async getSystemMetrics({ metricName, ...wanted }: SystemMetricsWanted = {}): Promise<readonly SystemMetric[]> {
    return this.#rows('/api/system-metrics', { metric_name: metricName }, wanted, metricOf);
  }

  async #save(path: string, given: object): Promise<number | readonly number[]> {
    const body = Array.isArray(given) ? given.map(toWire) : toWire(given);
    const answer = await this.#ask(path, { method: 'POST', body: JSON.stringify(body) });
    const ids: unknown[] = Array.isArray(answer.ids) ? answer.ids : [];
    const numbers = ids.filter((id) => typeof id === 'number');
    if (Array.isArray(given)) {
      if (numbers.length === given.length) return numbers;
    } else if (numbers.length === 1 && numbers[0] !== undefined) return numbers[0];
    throw this.#foreign(path);
  }

  async #rows<T>(
    path: string,
    filters: Readonly<Record<string, string | number | undefined>>,
    { startTime, limit = USUAL_LIMIT }: Narrowing,
    parse: (row: unknown) => T | null,
  ): Promise<readonly T[]> {
    const rows: T[] = [];
    for (let cursor: string | null = ''; cursor !== null && (rows.length < limit || rows.length === 0); ) {
      const query = new URLSearchParams();
      for (const [name, value] of Object.entries(filters)) if (value !== undefined) query.set(name, String(value));
      if (startTime !== undefined) query.set('start_time', momentText(startTime));
      // Without a limit the dashboard gives a page as long as it allows.
      if (limit - rows.length < PAGE_ROWS) query.set('limit', String(limit - rows.length));
      if (cursor !== '') query.set('cursor', cursor);
      const answer = await this.#ask(`${path}?${query}`, { method: 'GET' });
      if (!Array.isArray(answer.rows)) throw this.#foreign(path);
      for (const row of answer.rows) {
        const parsed = parse(row);
        if (parsed === null) throw this.#foreign(path);
        rows.push(parsed);
      }
      cursor = typeof answer.next_cursor === 'string' ? answer.next_cursor : null;
    }
    return rows;
  }

  async #ask(path: string, init: { readonly method: string; readonly body?: string }): Promise<Json> {
    const address = `${this.#base}${path}`;
    const headers = new Headers(init.body === undefined ? {} : { 'content-type': 'application/json' });
    if (this.#token !== null) headers.set('authorization', `Bearer ${this.#token}`);
    let response: Response;
    let text: string;
    try {
      response = await fetch(address, { ...init, headers, signal: AbortSignal.timeout(this.#timeoutMs) });
      text = await response.text();
    } catch (error) {
      if (error instanceof Error && error.name === 'TimeoutError')
        throw new DashboardError('timeout', `${address} did not answer within ${this.#timeoutMs} ms`, { cause: error });
      throw new DashboardError('unreachable', `${address} cannot be reached: ${reasonOf(error)}`, { cause: error });
    }
    const body = jsonOf(text);
    if (response.ok && body !== null) return body;
    if (response.ok) throw this.#foreign(path);
    throw problemOf(address, response, body);
  }

  /** What answered is no dashboard, or none that this program knows. */
  #foreign(path: string): DashboardError {
    return new DashboardError('failed', `${this.#base}${path} did not answer as a dashboard does; check the address`);
  }
}

function jsonOf(text: string): Json | null {
  try {
    return objectOf(JSON.parse(text));
  } catch (error) {
    // A proxy's page, say; whoever asked names the address.
    if (error instanceof SyntaxError) return null;
    throw error;
  }
}

/** What fetch knows stands in the cause of its error. */
function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  return error.cause instanceof Error ? `${error.message} (${error.cause.message})` : error.message;
}
