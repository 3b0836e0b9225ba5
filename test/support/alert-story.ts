import { AlertEngine } from '../../client/alerts/engine.ts';
import { acknowledged, type Rule } from '../../client/alerts/rules.ts';
import type { News } from '../../client/feed.ts';
import { type ServerFrame, serverFrame, type Via } from '../../shared/protocol.ts';
import type { StreamName } from '../../shared/streams.ts';

export const START = Date.UTC(2026, 0, 15);
export const MINUTE = 60_000;

export const common = { id: 'r', enabled: true, cooldown_s: 60, muted: null, acknowledged_at: null } as const;
export const anomaly = { ...common, kind: 'anomaly', key: null, series: null, at_least: 5 } satisfies Rule;
export const funding = {
  ...common,
  kind: 'funding',
  key: null,
  series: null,
  side: 'above',
  percent: 1,
} satisfies Rule;
export const drawdown = { ...common, kind: 'drawdown', key: null, series: null, at_least: 100 } satisfies Rule;
export const latency = {
  ...common,
  kind: 'latency',
  stream: 'funding_rates',
  key: null,
  at_least_ms: 2000,
} satisfies Rule;
export const metric = { ...common, kind: 'metric', key: 'cpu', side: 'above', value: 90 } satisfies Rule;
export const silence = { ...common, kind: 'silence', stream: 'funding_rates', key: null, minutes: 5 } satisfies Rule;

const newsOf = (frame: ServerFrame): News => {
  if (frame.type === 'delta') return { type: 'delta', frame };
  if (frame.type === 'snapshot') return { type: 'snapshot', frame };
  throw new Error(frame.type);
};

type Values = Readonly<Record<string, unknown>>;

export function delta(
  stream: StreamName,
  time: number,
  rows: readonly Values[],
  via: Via = 'notify',
  key = 'BTC/USDT',
): News {
  const keyColumn = stream === 'system_metrics' ? 'metric_name' : 'symbol';
  const full = rows.map((row, index) => ({ id: index, timestamp: time, [keyColumn]: key, ...row }));
  return newsOf(serverFrame.parse({ type: 'delta', stream, key, prev: 'a', cursor: 'b', time, via, rows: full }));
}

export function snapshot(
  stream: StreamName,
  series: readonly { name: string | null; columns: Values; arrived?: number }[],
  key = 'BTC/USDT',
): News {
  const rest = { from: null, to: null, reduced: false, bucket_ms: null, rows_total: 0 };
  return newsOf(serverFrame.parse({ type: 'snapshot', id: 's', stream, key, cursor: 'c', ...rest, series }));
}

export const HEARTBEAT: News = {
  type: 'heartbeat',
  frame: { type: 'heartbeat', time: START, database: 'up', doorbell: 'up', freshness: {} },
};

/** An engine of one rule, on a page that shows a symbol, and a clock that the story moves. */
export class Story {
  readonly engine: AlertEngine;
  now = START;
  rule: Rule;
  constructor(rule: Rule, engine = new AlertEngine()) {
    this.engine = engine;
    this.rule = rule;
    for (const stream of ['funding_rates', 'anomalies', 'performance_metrics', 'signal_predictions'] as const)
      this.engine.setWatched(stream, ['BTC/USDT'], this.now);
    this.engine.setWatched('system_metrics', null, this.now);
    this.engine.setRules([rule], this.now);
  }
  /** A row now; the values that were announced. */
  row(values: Values, stream: StreamName = 'funding_rates', via: Via = 'notify'): number[] {
    return this.engine.hear(delta(stream, this.now, [values], via), this.now).map(({ reading }) => reading.value);
  }
  rate = (rate: number, exchange = 'okx'): number[] => this.row({ exchange, funding_rate: rate });
  z = (z: number, data_type = 'volume'): number[] => this.row({ data_type, z_score: z }, 'anomalies');
  pass(ms: number, isHeard = true): number[] {
    const said: number[] = [];
    for (let left = ms; left > 0; left -= 1000) {
      this.now += Math.min(1000, left);
      if (isHeard) this.engine.hear(HEARTBEAT, this.now);
      said.push(...this.engine.tick(this.now).map(({ reading }) => reading.value));
    }
    return said;
  }
  set(change: Partial<Pick<Rule, 'muted' | 'acknowledged_at' | 'enabled'>>): number[] {
    this.rule = { ...this.rule, ...change };
    return this.engine.setRules([this.rule], this.now).map(({ reading }) => reading.value);
  }
  acknowledge = (): number[] => this.set(acknowledged(this.rule, this.now));
  get stands() {
    const [standings] = this.engine.standings;
    if (standings === undefined) throw new Error('the rule is not judged');
    const { phase, count, latest, beyond } = standings;
    return { phase, count, latest: latest?.value ?? null, beyond };
  }
}
