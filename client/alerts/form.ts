/** The form of a rule as plain data: what its fields hold as text, and the rule that they make. Pure. */
import type { StreamName } from '../../shared/streams.ts';
import { type Rule, type RuleKind, ruleSchema } from './rules.ts';

/** What the fields of the form hold. */
export interface Draft {
  readonly id: string;
  readonly kind: RuleKind;
  /** Empty: every one. */
  readonly key: string;
  readonly series: string;
  readonly stream: StreamName;
  readonly side: 'above' | 'below' | 'beyond';
  /** The threshold, in the kind's own unit. */
  readonly amount: string;
  readonly cooldown: string;
}

const USUAL_AMOUNTS: Readonly<Record<RuleKind, string>> = {
  anomaly: '5',
  funding: '0.05',
  drawdown: '1000',
  metric: '90',
  silence: '5',
  latency: '5000',
};

/** A new rule's draft. */
export function newDraft(id: string, kind: RuleKind = 'anomaly'): Draft {
  return {
    id,
    kind,
    key: '',
    series: '',
    stream: 'funding_rates',
    side: kind === 'funding' ? 'beyond' : 'above',
    amount: USUAL_AMOUNTS[kind],
    cooldown: '60',
  };
}

/** The draft of another kind: what means the same is kept. */
export function ofKind(draft: Draft, kind: RuleKind): Draft {
  const { id, cooldown, key } = draft;
  const isSame = (kind === 'metric') === (draft.kind === 'metric');
  return { ...newDraft(id, kind), cooldown, key: isSame ? key : '' };
}

/** The draft of a rule that is there. */
export function draftOf(rule: Rule): Draft {
  const base = { ...newDraft(rule.id, rule.kind), key: rule.key ?? '', cooldown: String(rule.cooldown_s) };
  switch (rule.kind) {
    case 'anomaly':
    case 'drawdown':
      return { ...base, series: rule.series ?? '', amount: String(rule.at_least) };
    case 'funding':
      return { ...base, series: rule.series ?? '', side: rule.side, amount: String(rule.percent) };
    case 'metric':
      return { ...base, side: rule.side, amount: String(rule.value) };
    case 'latency':
      return { ...base, stream: rule.stream, amount: String(rule.at_least_ms) };
    case 'silence':
      return { ...base, stream: rule.stream, amount: String(rule.minutes) };
  }
}

/** The rule that a draft makes, on and neither muted nor acknowledged; or what is to be mended, by field. */
export function ruleOf(draft: Draft): { readonly rule: Rule } | { readonly faults: Readonly<Record<string, string>> } {
  const faults: Record<string, string> = {};
  const amount = numberOf(draft.amount);
  const isSigned = draft.kind === 'funding' || draft.kind === 'metric';
  if (amount === null) faults.amount = 'Give a number, such as 5 or 0.05.';
  else if (!isSigned && amount <= 0) faults.amount = 'Give a number above 0.';
  const cooldown = numberOf(draft.cooldown);
  if (cooldown === null || cooldown < 0 || cooldown > 86_400) faults.cooldown = 'Give seconds from 0 to 86400.';
  if (draft.kind === 'metric' && draft.key.trim() === '') faults.key = 'Name the metric.';
  if (Object.keys(faults).length > 0 || amount === null || cooldown === null) return { faults };
  const orEvery = (text: string): string | null => (text.trim() === '' ? null : text.trim());
  const { kind, id, stream, side } = draft;
  const common = { kind, id, enabled: true, cooldown_s: cooldown, muted: null, acknowledged_at: null };
  const parsed = ruleSchema.safeParse({
    ...common,
    key: orEvery(draft.key),
    series: orEvery(draft.series),
    stream,
    side,
    at_least: amount,
    percent: amount,
    value: amount,
    at_least_ms: amount,
    minutes: amount,
  });
  if (parsed.success) return { rule: parsed.data };
  return {
    faults: Object.fromEntries(parsed.error.issues.map(({ path }) => [String(path[0]), 'This is not accepted.'])),
  };
}

/** A number as people type it: a comma or a real minus will do. */
function numberOf(text: string): number | null {
  const plain = text.trim().replace('\u2212', '-').replace(',', '.');
  const value = Number(plain);
  return plain === '' || !Number.isFinite(value) || Math.abs(value) >= 1e15 ? null : value;
}

/** Rules that many would want, to be added with one click; none is on by itself. */
export const EXAMPLES: readonly Omit<Draft, 'id'>[] = [
  { ...newDraft('', 'anomaly'), amount: '5' },
  { ...newDraft('', 'funding'), amount: '0.05' },
  { ...newDraft('', 'silence'), stream: 'funding_rates', amount: '5' },
  { ...newDraft('', 'latency'), stream: 'signal_predictions', amount: '5000' },
];
