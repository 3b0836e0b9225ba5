/** The form in which a rule is made and edited. */
import { useSignal } from '@preact/signals';
import type { ComponentChildren } from 'preact';
import { useEffect, useRef } from 'preact/hooks';
import { STREAM_NAMES, type StreamName } from '../../shared/streams.ts';
import type { Store } from '../store.ts';
import { type Draft, ofKind, ruleOf } from './form.ts';
import { KIND_NAMES, RULE_KINDS, type Rule, type RuleKind, streamTitle } from './rules.ts';

interface FormProps {
  readonly store: Store;
  readonly draft: Draft;
  onSave(rule: Rule): void;
  onCancel(): void;
}

const AMOUNTS: Readonly<Record<RuleKind, string>> = {
  anomaly: '|z| at least, σ',
  funding: 'Rate, % per funding interval',
  drawdown: 'At least, in the quote currency',
  metric: 'Value',
  silence: 'Minutes',
  latency: 'At least, ms',
};

const SERIES: Readonly<Partial<Record<RuleKind, string>>> = {
  anomaly: 'Data type',
  funding: 'Exchange',
  drawdown: 'Strategy',
};

const SERIES_STREAMS: Readonly<Partial<Record<RuleKind, StreamName>>> = {
  anomaly: 'anomalies',
  funding: 'funding_rates',
  drawdown: 'performance_metrics',
};

export function RuleForm({ store, draft: first, onSave, onCancel }: FormProps) {
  const draft = useSignal(first);
  const faults = useSignal<Readonly<Record<string, string>>>({});
  const kindField = useRef<HTMLSelectElement>(null);
  useEffect(() => kindField.current?.focus(), []);
  const { kind, key, series, stream, side, amount, cooldown } = draft.value;
  const set = (change: Partial<Draft>): void => {
    draft.value = { ...draft.peek(), ...change };
    faults.value = {};
  };
  const onSubmit = (event: Event): void => {
    event.preventDefault();
    const made = ruleOf(draft.peek());
    if ('rule' in made) onSave(made.rule);
    else faults.value = made.faults;
  };
  const isMetric = kind === 'metric' || ((kind === 'silence' || kind === 'latency') && stream === 'system_metrics');
  const seriesStream = SERIES_STREAMS[kind];

  return (
    <form class="alerts-form" noValidate aria-label="Rule" onSubmit={onSubmit} data-testid="rule-form">
      <Field label="Tell me about" fault={undefined}>
        <select
          ref={kindField}
          value={kind}
          onChange={(event) => {
            const chosen = RULE_KINDS.find((one) => one === event.currentTarget.value);
            if (chosen !== undefined) set(ofKind(draft.peek(), chosen));
          }}
        >
          {RULE_KINDS.map((one) => (
            <option key={one} value={one}>
              {KIND_NAMES[one]}
            </option>
          ))}
        </select>
      </Field>
      {(kind === 'silence' || kind === 'latency') && (
        <Field label="Stream" fault={undefined}>
          <select
            value={stream}
            onChange={(event) => {
              const chosen = STREAM_NAMES.find((name) => name === event.currentTarget.value);
              if (chosen !== undefined) set({ stream: chosen });
            }}
          >
            {STREAM_NAMES.map((name) => (
              <option key={name} value={name}>
                {streamTitle(name)}
              </option>
            ))}
          </select>
        </Field>
      )}
      {(kind === 'funding' || kind === 'metric') && (
        <Field label="When it is" fault={undefined}>
          <select
            value={side}
            onChange={(event) => {
              const { value } = event.currentTarget;
              if (value === 'above' || value === 'below' || value === 'beyond') set({ side: value });
            }}
          >
            {kind === 'funding' && <option value="beyond">beyond, either way</option>}
            <option value="above">at or above</option>
            <option value="below">at or below</option>
          </select>
        </Field>
      )}
      <Field label={AMOUNTS[kind]} fault={faults.value.amount}>
        <input
          type="text"
          inputMode="decimal"
          autocomplete="off"
          value={amount}
          aria-invalid={faults.value.amount !== undefined}
          onInput={(event) => set({ amount: event.currentTarget.value })}
        />
      </Field>
      <Field label={isMetric ? 'Metric' : 'Symbol'} fault={faults.value.key}>
        <input
          type="text"
          autocomplete="off"
          maxLength={200}
          list="alerts-keys"
          placeholder={kind === 'metric' ? '' : isMetric ? 'any metric' : 'any on the page'}
          value={key}
          aria-invalid={faults.value.key !== undefined}
          onInput={(event) => set({ key: event.currentTarget.value })}
        />
        <datalist id="alerts-keys">
          {(isMetric ? keysOf(store, 'system_metrics') : store.view.keys.value).map((name) => (
            <option key={name} value={name} />
          ))}
        </datalist>
      </Field>
      {seriesStream !== undefined && (
        <Field label={SERIES[kind] ?? ''} fault={faults.value.series}>
          <input
            type="text"
            autocomplete="off"
            maxLength={200}
            list="alerts-series"
            placeholder="any"
            value={series}
            onInput={(event) => set({ series: event.currentTarget.value })}
          />
          <datalist id="alerts-series">
            {seriesNames(store, seriesStream).map((name) => (
              <option key={name} value={name} />
            ))}
          </datalist>
        </Field>
      )}
      <Field label="Pause after an alert, s" fault={faults.value.cooldown}>
        <input
          type="text"
          inputMode="numeric"
          autocomplete="off"
          value={cooldown}
          aria-invalid={faults.value.cooldown !== undefined}
          onInput={(event) => set({ cooldown: event.currentTarget.value })}
        />
      </Field>
      {kind === 'latency' && (
        <p>
          From a row's own time to when the server sent it, by the server's clock; a row that is written late is late.
        </p>
      )}
      {kind !== 'metric' && key.trim() !== '' && !isMetric && !store.view.keys.value.includes(key.trim()) && (
        <p>The page follows the symbols that it shows: this rule waits until {key.trim()} is one of them.</p>
      )}
      <div>
        <button type="submit" class="button primary">
          Save
        </button>
        <button type="button" class="button" onClick={onCancel}>
          Cancel
        </button>
      </div>
    </form>
  );
}

function Field({ label, fault, children }: { label: string; fault: string | undefined; children: ComponentChildren }) {
  return (
    // biome-ignore lint/a11y/noLabelWithoutControl: the control is among the children.
    <label>
      <span>{label}</span>
      {children}
      {fault !== undefined && <em role="alert">{fault}</em>}
    </label>
  );
}

function keysOf(store: Store, stream: StreamName): readonly string[] {
  return store
    .stream(stream)
    .peek()
    .channels.map(({ key }) => key);
}

function seriesNames(store: Store, stream: StreamName): readonly string[] {
  const names = store
    .stream(stream)
    .peek()
    .channels.flatMap(({ lines }) => lines.flatMap(({ name }) => (name === null ? [] : [name])));
  return [...new Set(names)].sort();
}
