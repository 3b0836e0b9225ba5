/** Alert rules as they are kept and exchanged: their schema, how a value stands to one, and how one is told in words. Pure. */
import * as z from 'zod/mini';
import { STREAM_NAMES, type StreamName } from '../../shared/streams.ts';
import { fixed, percent, quoteOf, SPACE, words } from '../format.ts';

/** Version of the stored form. */
export const RULES_VERSION = 1;
/** Most rules that one browser keeps: each is judged at every row. */
export const MOST_RULES = 100;

// By `refine`, which the first view has anyway: zod's own checks of lengths would be loaded with it.
const text = (most: number) =>
  z.string().check(z.refine(({ length }) => length >= 1 && length <= most, `has to have 1 to ${most} characters`));
const finite = z.number().check(z.refine((value) => Number.isFinite(value) && Math.abs(value) < 1e15, 'not a number'));
const positive = z.number().check(z.refine((value) => value > 0 && value < 1e15, 'has to be more than 0'));
/** A key or a series; null: each of those on the page. */
const anyOf = z.nullable(text(200));

const common = {
  id: text(64),
  enabled: z.boolean(),
  /** Seconds after an announcement in which the rule announces nothing again. */
  cooldown_s: z.number().check(z.refine((value) => value >= 0 && value <= 86_400, 'has to be from 0 to 86400')),
  /** When it was muted, and until when; both epoch ms, `until` null: for good. */
  muted: z.nullable(z.object({ at: finite, until: z.nullable(finite) })),
  /** Rows up to this time were acknowledged, epoch ms. */
  acknowledged_at: z.nullable(finite),
};

/** What each kind of rule asks. Thresholds are met by what is at them or beyond. */
const KINDS = {
  anomaly: z.object({ ...common, kind: z.literal('anomaly'), key: anyOf, series: anyOf, at_least: positive }),
  /** `percent` per funding interval; `beyond` is of the rate without its sign. */
  funding: z.object({
    ...common,
    kind: z.literal('funding'),
    key: anyOf,
    series: anyOf,
    side: z.enum(['above', 'below', 'beyond']),
    percent: finite,
  }),
  drawdown: z.object({ ...common, kind: z.literal('drawdown'), key: anyOf, series: anyOf, at_least: positive }),
  /** From a row's own time to when the server sent it. */
  latency: z.object({
    ...common,
    kind: z.literal('latency'),
    stream: z.enum(STREAM_NAMES),
    key: anyOf,
    at_least_ms: positive,
  }),
  metric: z.object({
    ...common,
    kind: z.literal('metric'),
    key: text(200),
    side: z.enum(['above', 'below']),
    value: finite,
  }),
  silence: z.object({
    ...common,
    kind: z.literal('silence'),
    stream: z.enum(STREAM_NAMES),
    key: anyOf,
    minutes: positive,
  }),
} as const;

export const ruleSchema = z.discriminatedUnion('kind', [
  KINDS.anomaly,
  KINDS.funding,
  KINDS.drawdown,
  KINDS.latency,
  KINDS.metric,
  KINDS.silence,
]);
export type Rule = z.infer<typeof ruleSchema>;
export type RuleKind = Rule['kind'];

/** The kinds in the order in which they are offered. */
export const RULE_KINDS: readonly RuleKind[] = ['anomaly', 'funding', 'drawdown', 'metric', 'silence', 'latency'];

export const KIND_NAMES: Readonly<Record<RuleKind, string>> = {
  anomaly: 'Anomaly',
  funding: 'Funding rate',
  drawdown: 'Drawdown',
  metric: 'System metric',
  silence: 'No data',
  latency: 'Latency',
};

/** Streams that a sentence calls otherwise than by their name. */
const STREAM_TITLES: Partial<Record<StreamName, string>> = {
  performance_metrics: 'performance',
  signal_predictions: 'predictions',
};

/** A stream as a sentence calls it. */
export function streamTitle(stream: StreamName): string {
  return STREAM_TITLES[stream] ?? words(stream);
}

/** The stream that a rule watches. */
export function streamOf(rule: Rule): StreamName {
  switch (rule.kind) {
    case 'anomaly':
      return 'anomalies';
    case 'funding':
      return 'funding_rates';
    case 'drawdown':
      return 'performance_metrics';
    case 'metric':
      return 'system_metrics';
    default:
      return rule.stream;
  }
}

/** The column that a rule compares; null where it is not a value of a row. */
export function columnOf(rule: Rule): string | null {
  const columns = {
    anomaly: 'z_score',
    funding: 'funding_rate',
    drawdown: 'drawdown',
    metric: 'metric_value',
  } as const;
  return rule.kind === 'latency' || rule.kind === 'silence' ? null : columns[rule.kind];
}

/** The series that a rule is about; null: each one. */
export function seriesOf(rule: Rule): string | null {
  return rule.kind === 'anomaly' || rule.kind === 'funding' || rule.kind === 'drawdown' ? rule.series : null;
}

/** How a value stands to a threshold. `between`: neither beyond it nor far enough from it for an alert to be over. */
export type Standing = 'in' | 'between' | 'out';

/** An alert is over when the value has come back by this share of the threshold, so that one that trembles there is one alert. */
export const HYSTERESIS = 0.1;

/** How a value (in the unit of its column; ms for latency, minutes for silence) stands to a rule. */
export function standing(rule: Rule, value: number): Standing {
  if (Number.isNaN(value)) return 'between';
  switch (rule.kind) {
    case 'anomaly':
      return above(Math.abs(value), rule.at_least);
    case 'drawdown':
      // Stored as an amount or, by some, as a negative one.
      return above(Math.abs(value), rule.at_least);
    case 'funding': {
      const limit = rule.percent / 100;
      if (rule.side === 'beyond') return above(Math.abs(value), Math.abs(limit));
      return rule.side === 'above' ? above(value, limit) : above(-value, -limit);
    }
    case 'metric':
      return rule.side === 'above' ? above(value, rule.value) : above(-value, -rule.value);
    case 'latency':
      return above(value, rule.at_least_ms);
    case 'silence':
      // A row ends it, whatever is a tenth of a minute.
      return value >= rule.minutes ? 'in' : 'out';
  }
}

function above(value: number, limit: number): Standing {
  if (value >= limit) return 'in';
  return value < limit - HYSTERESIS * Math.abs(limit) ? 'out' : 'between';
}

/** A figure without a tail of zeros, with at most so many decimals. */
function plain(value: number, decimals = 6): string {
  return fixed(value, decimals).replace(/\.?0+$/, '');
}

const plainOf = (value: number): string => (Number.isInteger(value) ? fixed(value, 0) : plain(value));

/** What a rule asks, in words: `|z| at least 5σ`. */
export function conditionText(rule: Rule): string {
  switch (rule.kind) {
    case 'anomaly':
      return `|z| at least ${plainOf(rule.at_least)}σ`;
    case 'funding':
      return `Funding rate ${rule.side === 'beyond' ? 'beyond ±' : `${rule.side} `}${plainOf(
        rule.side === 'beyond' ? Math.abs(rule.percent) : rule.percent,
      )}%`;
    case 'drawdown':
      return `Drawdown at least ${plainOf(rule.at_least)}`;
    case 'metric':
      return `${words(rule.key)} ${rule.side} ${plainOf(rule.value)}`;
    case 'latency':
      return `Latency of ${streamTitle(rule.stream)} at least ${plainOf(rule.at_least_ms)}${SPACE}ms`;
    case 'silence':
      return `No ${streamTitle(rule.stream)} for ${plainOf(rule.minutes)}${SPACE}min`;
  }
}

/** Of what a rule speaks, in words: `BTC/USDT, binance`. */
export function scopeText(rule: Rule): string {
  if (rule.kind === 'metric') return 'system';
  const isSystem = streamOf(rule) === 'system_metrics';
  const key = rule.key ?? (isSystem ? 'any metric' : 'any symbol on the page');
  const series = seriesOf(rule);
  return series === null ? key : `${key}, ${series}`;
}

/** A value as a rule of its kind writes it. `key`: whose value it is, which names a drawdown's currency. */
export function valueText(rule: Rule, value: number, key: string): string {
  switch (rule.kind) {
    case 'anomaly':
      return `${fixed(value, 1, 'plus')}σ`;
    case 'funding':
      return percent(value, 4, 'plus');
    case 'drawdown':
      return `${fixed(value, 2)}${SPACE}${quoteOf(key)}`;
    case 'metric':
      return plainOf(Number(value.toPrecision(6)));
    case 'latency':
      return value >= 10_000 ? `${fixed(value / 1000, 1)}${SPACE}s` : `${fixed(value, 0)}${SPACE}ms`;
    case 'silence':
      return `${fixed(value, value < 10 ? 1 : 0)}${SPACE}min`;
  }
}

/** The rule with everything up to now acknowledged (epoch ms); no two times are the same, so that each can be told. */
export function acknowledged<R extends Rule>(rule: R, now: number): R {
  return { ...rule, acknowledged_at: now === rule.acknowledged_at ? now + 1 : now };
}

/** Whether two rules ask the same, whatever is muted or acknowledged of them. */
export function asksSame(a: Rule, b: Rule): boolean {
  const bare = (rule: Rule): string => JSON.stringify({ ...rule, muted: null, acknowledged_at: null });
  return bare(a) === bare(b);
}
