/** Alert rules as they are kept, exchanged, typed and told. */
import { describe, expect, it } from 'vitest';
import {
  type BookStorage,
  formatFile,
  formatKept,
  openBook,
  parseFile,
  parseKept,
  withChange,
  withoutRule,
  withRule,
} from '../../client/alerts/book.ts';
import { type Draft, draftOf, EXAMPLES, newDraft, ofKind, ruleOf } from '../../client/alerts/form.ts';
import {
  acknowledged,
  asksSame,
  conditionText,
  MOST_RULES,
  RULE_KINDS,
  type Rule,
  scopeText,
  valueText,
} from '../../client/alerts/rules.ts';

const common = { enabled: true, cooldown_s: 60, muted: null, acknowledged_at: null } as const;
const anomaly: Rule = { ...common, id: 'a', kind: 'anomaly', key: null, series: null, at_least: 5 };
const funding: Rule = {
  ...common,
  id: 'f',
  kind: 'funding',
  key: 'BTC/USDT',
  series: 'okx',
  side: 'below',
  percent: -0.05,
};
const drawdown: Rule = { ...common, id: 'd', kind: 'drawdown', key: null, series: null, at_least: 1500 };
const metric: Rule = { ...common, id: 'm', kind: 'metric', key: 'cpu_usage', side: 'above', value: 90.5 };
const latency: Rule = { ...common, id: 'l', kind: 'latency', stream: 'anomalies', key: null, at_least_ms: 2000 };
const silence: Rule = { ...common, id: 's', kind: 'silence', stream: 'system_metrics', key: 'cpu', minutes: 0.5 };
const ALL = [anomaly, funding, drawdown, metric, latency, silence];

/** A storage that several tabs share; what one writes the others hear of. */
class Shared {
  text: string | null = null;
  fails = false;
  readonly #listeners = new Map<object, () => void>();
  tab(): BookStorage {
    const me = {};
    return {
      read: () => {
        if (this.fails) throw new Error('forbidden');
        return this.text;
      },
      write: (text) => {
        if (this.fails) throw new Error('forbidden');
        this.text = text;
        for (const [other, listener] of this.#listeners) if (other !== me) listener();
      },
      onChange: (listener) => {
        this.#listeners.set(me, listener);
        return () => this.#listeners.delete(me);
      },
    };
  }
}

describe('a rule in words', () => {
  it.each<[Rule, string, string, string]>([
    [anomaly, '|z| at least 5σ', 'any symbol on the page', '−6.2σ'],
    [funding, 'Funding rate below −0.05%', 'BTC/USDT, okx', '−620.0000%'],
    [{ ...funding, side: 'beyond' }, 'Funding rate beyond ±0.05%', 'BTC/USDT, okx', '−620.0000%'],
    [drawdown, 'Drawdown at least 1,500', 'any symbol on the page', '−6.20\u00a0USDT'],
    [metric, 'cpu usage above 90.5', 'system', '−6.2'],
    [latency, 'Latency of anomalies at least 2,000\u00a0ms', 'any symbol on the page', '−6\u00a0ms'],
    [silence, 'No system metrics for 0.5\u00a0min', 'cpu', '−6.2\u00a0min'],
  ])('%#', (rule, condition, scope, value) => {
    expect([conditionText(rule), scopeText(rule), valueText(rule, -6.2, 'BTC/USDT')]).toEqual([
      condition,
      scope,
      value,
    ]);
  });

  it('asks the same whatever is muted or acknowledged of it', () => {
    expect(asksSame(anomaly, { ...acknowledged(anomaly, 5), muted: { at: 1, until: null } })).toBe(true);
    expect(asksSame(anomaly, { ...anomaly, at_least: 6 })).toBe(false);
    expect(acknowledged(acknowledged(anomaly, 5), 5).acknowledged_at).toBe(6);
  });
});

describe('the form', () => {
  it.each(ALL.map((rule) => [rule.kind, rule] as const))(
    'of %s makes the rule that it was made from',
    (_kind, rule) => {
      expect(ruleOf(draftOf(rule))).toEqual({ rule });
    },
  );

  it.each(RULE_KINDS)('of a new %s makes a rule, but for a name that nobody can guess', (kind) => {
    const made = ruleOf({ ...newDraft('x', kind), ...(kind === 'metric' ? { key: 'cpu' } : {}) });
    expect(made).toHaveProperty('rule.kind', kind);
    if (kind === 'metric') expect(ruleOf(newDraft('x', kind))).toEqual({ faults: { key: 'Name the metric.' } });
  });

  it('takes numbers as people type them, and names what is none', () => {
    const amount = (text: string, kind: Draft['kind'] = 'funding') => ruleOf({ ...newDraft('x', kind), amount: text });
    expect(amount(' −0,05 ')).toHaveProperty('rule.percent', -0.05);
    for (const text of ['', 'five', '1e400', 'NaN', '1 000', '0x'])
      expect(amount(text)).toHaveProperty('faults.amount');
    expect(amount('0', 'anomaly')).toEqual({ faults: { amount: 'Give a number above 0.' } });
    for (const cooldown of ['', '-1', '86401', 'x'])
      expect(ruleOf({ ...newDraft('x'), cooldown })).toHaveProperty('faults.cooldown');
  });

  it('of another kind keeps what means the same', () => {
    const draft = { ...newDraft('x', 'funding'), key: 'ETH/USDT', cooldown: '5' };
    expect(ofKind(draft, 'drawdown')).toMatchObject({ id: 'x', key: 'ETH/USDT', cooldown: '5', amount: '1000' });
    expect(ofKind(draft, 'metric')).toMatchObject({ key: '', side: 'above' });
  });

  it('has examples that all make rules', () => {
    for (const [index, example] of EXAMPLES.entries())
      expect(ruleOf({ ...example, id: `e${index}` })).toHaveProperty('rule');
  });
});

describe('a file of rules', () => {
  it('is read as it was written, without what was muted and acknowledged here', () => {
    const used = ALL.map((rule) => ({ ...acknowledged(rule, 7), muted: { at: 1, until: 2 } }));
    expect(parseFile(formatFile(used))).toEqual({ value: ALL });
  });

  it.each<[string, unknown, RegExp]>([
    ['no JSON', '{', /not JSON/],
    ['another document', { rules: 5 }, /no version 1/],
    ['a list', [], /no version 1/],
    ['a newer version', { version: 2, rules: [] }, /newer version.*2, this one knows 1/],
    ['too large', ' '.repeat(600_000), /too large/],
    ['a field of another type', { version: 1, rules: [{ ...anomaly, at_least: 'much' }] }, /^Rule 1, at_least: /],
    [
      'a threshold of zero',
      { version: 1, rules: [anomaly, { ...drawdown, at_least: 0 }] },
      /^Rule 2, at_least: has to be more than 0\.$/,
    ],
    ['an infinite one', { version: 1, rules: [{ ...funding, percent: 1e300 }] }, /^Rule 1, percent: not a number\.$/],
    ['an unknown kind', { version: 1, rules: [{ ...anomaly, kind: 'mood' }] }, /^Rule 1/],
    ['an unknown stream', { version: 1, rules: [{ ...latency, stream: 'rates' }] }, /^Rule 1, stream: /],
    ['a rule without an id', { version: 1, rules: [{ ...anomaly, id: '' }] }, /^Rule 1, id: /],
    ['null for a rule', { version: 1, rules: [null] }, /^Rule 1: missing or not accepted/],
    ['one id twice', { version: 1, rules: [anomaly, { ...drawdown, id: 'a' }] }, /same id/],
    [
      'too many',
      { version: 1, rules: Array.from({ length: MOST_RULES + 1 }, (_, id) => ({ ...anomaly, id: `${id}` })) },
      /more than 100/,
    ],
  ])('with %s is refused with what is wrong', (_what, file, fault) => {
    const parsed = parseFile(typeof file === 'string' ? file : JSON.stringify(file));
    expect('faults' in parsed && parsed.faults[0]).toMatch(fault);
  });

  it('tells every fault', () => {
    const parsed = parseFile(
      JSON.stringify({
        version: 1,
        rules: [
          { ...anomaly, at_least: -1, cooldown_s: -1 },
          { ...funding, side: 'left' },
        ],
      }),
    );
    expect(parsed).toMatchObject({ faults: [/^/, /^/, /^/].map(() => expect.any(String)) });
  });
});

describe('the book', () => {
  const kept = { rules: [anomaly], sound: true, notify: false };

  it('begins with nothing, and keeps what is edited', () => {
    const shared = new Shared();
    const book = openBook(shared.tab());
    expect(book.kept.value).toEqual({ rules: [], sound: false, notify: false });
    book.edit((before) => withRule(before, anomaly));
    book.edit((before) => ({ ...before, sound: true }));
    expect(openBook(shared.tab()).kept.value).toEqual(kept);
    expect(parseKept(formatKept(kept))).toEqual({ value: kept });
  });

  it('of two tabs holds the edits of both', () => {
    const shared = new Shared();
    const [one, two] = [openBook(shared.tab()), openBook(shared.tab())];
    one.edit((before) => withRule(before, anomaly));
    two.edit((before) => withRule(before, funding));
    one.edit((before) => withChange(before, 'f', (rule) => ({ ...rule, enabled: false })));
    two.edit((before) => withoutRule(before, 'a'));
    expect(one.kept.value).toEqual(two.kept.value);
    expect(two.kept.value.rules).toEqual([{ ...funding, enabled: false }]);
  });

  it('of a tab that was not told edits what is stored, and not what it knew', () => {
    const shared = new Shared();
    const book = openBook({ ...shared.tab(), onChange: () => () => {} });
    shared.text = formatKept(kept);
    book.edit((before) => withRule(before, funding));
    expect(book.kept.value.rules.map(({ id }) => id)).toEqual(['a', 'f']);
  });

  it.each([
    ['nonsense', 'nonsense', 'What is stored cannot be read.'],
    [
      'rules of another shape',
      '{"version":1,"rules":[{}],"sound":true,"notify":true}',
      'What is stored cannot be read.',
    ],
    [
      'a newer version',
      '{"version":7,"rules":[]}',
      'It was written by a newer version of this page (7, this one knows 1).',
    ],
  ])('leaves %s alone until it is begun anew', (_what, text, trouble) => {
    const shared = new Shared();
    shared.text = text;
    const book = openBook(shared.tab());
    expect(book.trouble.value).toBe(trouble);
    book.edit((before) => withRule(before, anomaly));
    expect(shared.text).toBe(text);
    book.reset();
    expect([book.trouble.value, shared.text]).toEqual([null, formatKept({ rules: [], sound: false, notify: false })]);
    book.edit((before) => withRule(before, anomaly));
    expect(book.kept.value.rules).toHaveLength(1);
  });

  it('works without a storage, and says that nothing is kept', () => {
    const shared = new Shared();
    shared.fails = true;
    const book = openBook(shared.tab());
    book.edit((before) => withRule(before, anomaly));
    book.edit((before) => withRule(before, funding));
    expect(book.kept.value.rules).toHaveLength(2);
    expect(book.trouble.value).toMatch(/does not keep them/);
  });

  it('has room for so many and no more', () => {
    const many = Array.from({ length: MOST_RULES }, (_, id) => ({ ...anomaly, id: `${id}` }));
    const full = { ...kept, rules: many };
    expect(withRule(full, funding).rules).toHaveLength(MOST_RULES);
    expect(withRule(full, { ...anomaly, id: '3', at_least: 9 }).rules[3]).toMatchObject({ at_least: 9 });
  });
});
