/** A console without a terminal: its board over a connection that a test feeds by hand, on a clock that the test moves. */
import { Board, type Choice } from '../../console/board.ts';
import { textOf } from '../../console/cells.ts';
import { BOARD, type Ui } from '../../console/choices.ts';
import { type Size, type Surroundings, screen } from '../../console/screen.ts';
import { subscribeFrame } from '../../shared/protocol.ts';
import { isStreamName, type StreamName } from '../../shared/streams.ts';

const BEGAN = Date.UTC(2026, 0, 2, 14, 0, 0);
const MINUTE_MS = 60_000;
const HEARTBEAT_MS = 5000;

/** Usual time between rows: what comes often is old soon. */
const SPACING_MS: Readonly<Record<StreamName, number>> = {
  funding_rates: MINUTE_MS,
  anomalies: 10 * MINUTE_MS,
  performance_metrics: 10 * MINUTE_MS,
  signal_predictions: 10 * MINUTE_MS,
  system_metrics: 10 * MINUTE_MS,
};

/** Lines of a stream's history: series to rows, each a value for every column and its age in minutes. */
type History = Readonly<Record<string, readonly (Readonly<Record<string, unknown>> & { readonly age: number })[]>>;

const HISTORIES: Readonly<Record<StreamName, readonly (readonly [key: string, history: History])[]>> = {
  funding_rates: [
    [
      'BTC/USDT',
      {
        binance: Array.from({ length: 60 }, (_, i) => ({
          age: 60 - i,
          funding_rate: 0.0001 + 0.00002 * Math.sin(i / 6),
        })),
      },
    ],
  ],
  anomalies: [
    [
      'BTC/USDT',
      {
        price: [{ age: 2, value: 64_250.5, z_score: -3.5, threshold: 3 }],
        funding_rate: [
          { age: 40, value: 0.0003, z_score: 4.2, threshold: 3 },
          { age: 9, value: 0.0001, z_score: 1.2, threshold: 3 },
        ],
      },
    ],
  ],
  performance_metrics: [
    [
      'BTC/USDT',
      {
        funding_arbitrage: Array.from({ length: 20 }, (_, i) => ({
          age: 60 - 3 * i,
          pnl: i % 3 === 0 ? -4 : 5,
          win_rate: 0.6,
          drawdown: 0,
          execution_time: 0.1,
          trade_count: 1,
        })),
      },
    ],
  ],
  signal_predictions: [
    ['BTC/USDT', { mean_reversion: [30, 20, 10].map((age) => ({ age, confidence: 0.8, predicted_pnl: 12 })) }],
  ],
  system_metrics: [
    [
      'latency_ms',
      { '': Array.from({ length: 60 }, (_, i) => ({ age: 60 - i, metric_value: 20 + (i % 7), metric_unit: 'ms' })) },
    ],
  ],
};

export class ConsoleBench {
  now = BEGAN;
  readonly board: Board;
  readonly asked: { readonly stream: StreamName; readonly id: string; readonly keys: readonly string[] | null }[] = [];
  greetings = 0;
  #socket = 0;
  #cursor = 0;
  readonly #heads = new Map<string, string>();

  constructor(choice: Partial<Choice> = {}) {
    this.board = new Board(
      { symbol: 'BTC/USDT', range: '1h', everyAnomaly: false, ...choice },
      {
        now: () => this.now,
        random: () => 0.5,
        greeted: () => {
          this.greetings += 1;
        },
        run: (command) => {
          if (command.type === 'connect') this.#socket = command.socket;
          if (command.type !== 'send') return;
          const frame = subscribeFrame.safeParse(JSON.parse(command.text));
          if (!frame.success || !isStreamName(frame.data.stream)) return;
          const { stream, id, keys } = frame.data;
          this.asked.push({ stream, id, keys: keys ?? null });
        },
      },
    );
    this.board.start();
  }

  frame(frame: object): void {
    this.board.hear({ type: 'frame', socket: this.#socket, text: JSON.stringify(frame) });
  }

  hello(demo = false): this {
    const rest = { version: '1', build: '', epoch: 'e', demo, streams: [] };
    this.frame({ type: 'hello', protocol: 1, time: this.now, heartbeat_ms: HEARTBEAT_MS, tick_ms: 10_000, ...rest });
    return this;
  }

  beat(database: 'up' | 'down' = 'up', doorbell: 'up' | 'down' = 'up'): this {
    this.frame({ type: 'heartbeat', time: this.now, database, doorbell, freshness: {} });
    return this;
  }

  /** Answers what was asked for newest, by stream, with the history that there is, and is live then. */
  serve(
    streams: readonly StreamName[] = [
      'funding_rates',
      'anomalies',
      'performance_metrics',
      'signal_predictions',
      'system_metrics',
    ],
  ): this {
    for (const stream of streams) {
      const newest = this.asked.findLast((one) => one.stream === stream);
      if (newest === undefined) throw new Error(`${stream} was not asked for`);
      const { id, keys } = newest;
      this.frame({ type: 'subscribed', id, stream, keys, cursor: this.#next(), resumed: false });
      for (const [key, history] of HISTORIES[stream])
        if (keys === null || keys.includes(key)) this.#snapshot(id, stream, key, history);
      this.frame({ type: 'synced', id, cursor: this.#next() });
    }
    return this;
  }

  /** A row arrives. */
  row(stream: StreamName, key: string, row: Readonly<Record<string, unknown>>): void {
    const prev = this.#heads.get(`${stream} ${key}`) ?? 'none';
    this.frame({
      type: 'delta',
      stream,
      key,
      prev,
      cursor: this.#head(stream, key),
      time: this.now,
      via: 'notify',
      rows: [{ id: this.#cursor, timestamp: this.now, ...row }],
    });
  }

  refuse(stream: StreamName, message: string): this {
    const id = this.asked.findLast((one) => one.stream === stream)?.id;
    this.frame({ type: 'error', id, code: 'unavailable', message });
    return this;
  }

  close(code = 1006, failure = 'connect ECONNREFUSED 127.0.0.1:8050'): this {
    this.board.hear({ type: 'closed', socket: this.#socket, code }, failure);
    return this;
  }

  /** Lets time pass, with a tick at its end. */
  pass(ms: number): this {
    this.now += ms;
    this.board.hear({ type: 'tick' });
    return this;
  }

  /** The screen as it reads. */
  screen(size: Size = { columns: 80, rows: 24 }, ui: Ui = BOARD, around: Partial<Surroundings> = {}): string[] {
    const all = {
      address: 'ws://desk:8050/feed',
      symbols: ['BTC/USDT', 'ETH/USDT', 'SOL/USDT'],
      symbolsFault: null,
      ...around,
    };
    return screen(this.board.look(), ui, all, size).map((line) => textOf(line).replaceAll('\u00a0', ' '));
  }

  #head(stream: StreamName, key: string): string {
    const cursor = this.#next();
    this.#heads.set(`${stream} ${key}`, cursor);
    return cursor;
  }

  #next(): string {
    this.#cursor += 1;
    return `c${this.#cursor}`;
  }

  #snapshot(id: string, stream: StreamName, key: string, history: History): void {
    const series = Object.entries(history).map(([name, rows]) => {
      const names = Object.keys(rows[0] ?? {}).filter((column) => column !== 'age');
      const columns = names.map((column) => [column, rows.map((row) => row[column])] as const);
      const timestamp = rows.map(({ age }) => this.now - age * MINUTE_MS);
      const arrived = Math.max(...timestamp);
      return {
        name: name === '' ? null : name,
        columns: { timestamp, ...Object.fromEntries(columns) },
        arrived,
        spacing_ms: SPACING_MS[stream],
      };
    });
    this.frame({
      type: 'snapshot',
      id,
      stream,
      key,
      cursor: this.#head(stream, key),
      from: this.now - 60 * MINUTE_MS,
      to: this.now,
      reduced: false,
      bucket_ms: null,
      rows_total: 1,
      series,
      minutes: { from: this.now - 60 * MINUTE_MS, counts: Array.from({ length: 61 }, () => 1) },
    });
  }
}
