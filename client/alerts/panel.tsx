/** The panel of the alerts: every rule with how it stands, and how they are told, taken along and begun anew. */
import { useSignal } from '@preact/signals';
import { useRef } from 'preact/hooks';
import { age, clockWithZone } from '../format.ts';
import type { Store } from '../store.ts';
import { useHeldFocus } from '../trust/focus.ts';
import { actionsOf } from './banners.tsx';
import { withoutRule, withRule } from './book.ts';
import { RuleForm } from './editor.tsx';
import { type Draft, draftOf, EXAMPLES, newDraft, ruleOf } from './form.ts';
import { isShown } from './phases.ts';
import { conditionText, MOST_RULES, type Rule, scopeText, valueText } from './rules.ts';
import { Settings } from './settings.tsx';
import type { Standings } from './standings.ts';
import type { Alerts } from './watch.ts';

const HOUR_MS = 3_600_000;

interface PanelProps {
  readonly store: Store;
  readonly alerts: Alerts;
}

export function AlertsPanel({ store, alerts }: PanelProps) {
  const { book, isOpen } = alerts;
  const { rules } = book.kept.value;
  const trouble = book.trouble.value;
  const draft = useSignal<Draft | null>(null);
  const heading = useRef<HTMLHeadingElement>(null);
  useHeldFocus(heading);
  const close = (): void => {
    draft.value = null;
    heading.current?.focus();
  };
  const isFull = rules.length >= MOST_RULES;
  return (
    <div class="alerts-panel">
      <header>
        <h2 tabIndex={-1} ref={heading}>
          Alerts
        </h2>
        <button
          type="button"
          class="button"
          disabled={isFull}
          data-testid="add-rule"
          onClick={() => {
            draft.value = newDraft(crypto.getRandomValues(new Uint32Array(2)).join('-'));
          }}
        >
          Add a rule
        </button>
        <button
          type="button"
          class="button"
          aria-label="Close"
          onClick={() => {
            isOpen.value = false;
          }}
        >
          <svg class="icon" viewBox="0 0 18 18" aria-hidden="true">
            <path d="M4.5 4.5l9 9M13.5 4.5l-9 9" />
          </svg>
        </button>
      </header>
      {trouble !== null && (
        <p class="alerts-trouble" role="alert">
          {trouble}
        </p>
      )}
      {draft.value !== null && (
        <RuleForm
          key={draft.value.id}
          store={store}
          draft={draft.value}
          onCancel={close}
          onSave={(rule) => {
            book.edit((kept) => withRule(kept, rule));
            close();
          }}
        />
      )}
      {rules.length > 0 && (
        <ul class="alerts-rules" aria-label="Rules">
          {rules.map((rule) => (
            <RuleRow
              key={rule.id}
              store={store}
              alerts={alerts}
              rule={rule}
              onEdit={() => {
                draft.value = draftOf(rule);
              }}
            />
          ))}
        </ul>
      )}
      {rules.length === 0 && draft.value === null && <Examples alerts={alerts} />}
      <Settings alerts={alerts} />
    </div>
  );
}

/** What many would want, while there is nothing. */
function Examples({ alerts }: { alerts: Alerts }) {
  const made = EXAMPLES.flatMap((example, index) => {
    const result = ruleOf({ ...example, id: `example-${index + 1}` });
    return 'rule' in result ? [result.rule] : [];
  });
  return (
    <section class="alerts-examples" aria-label="Examples">
      <p>No rules yet. Alerts are judged in this page while it is open, also in a hidden tab. For example:</p>
      <ul>
        {made.map((rule) => (
          <li key={rule.id}>
            <span>
              {conditionText(rule)}
              <small>{scopeText(rule)}</small>
            </span>
            <button
              type="button"
              class="button"
              aria-label={`Add: ${conditionText(rule)}`}
              onClick={() => alerts.book.edit((kept) => withRule(kept, rule))}
            >
              Add
            </button>
          </li>
        ))}
      </ul>
    </section>
  );
}

interface RowProps extends PanelProps {
  readonly rule: Rule;
  onEdit(): void;
}

function RuleRow({ store, alerts, rule, onEdit }: RowProps) {
  const standings = alerts.standings.value.find((one) => one.rule.id === rule.id) ?? null;
  const actions = actionsOf(store, alerts, rule);
  const condition = conditionText(rule);
  const isToBeSeen = standings !== null && isShown(standings.phase);
  const act = (label: string, onClick: () => void) => (
    <button type="button" class="button" aria-label={`${label}: ${condition}`} onClick={onClick}>
      {label}
    </button>
  );
  return (
    <li class="alerts-rule" data-testid="rule" data-rule={rule.id} {...(isToBeSeen ? { 'data-seen': 'no' } : {})}>
      <label>
        <input
          type="checkbox"
          checked={rule.enabled}
          aria-label={`On: ${condition}`}
          onChange={(event) => actions.enable(event.currentTarget.checked)}
        />
        <span>
          {condition}
          <small>{scopeText(rule)}</small>
        </span>
      </label>
      <span class="alerts-status" data-testid="rule-status">
        {statusText(store, rule, standings)}
      </span>
      <span class="alerts-acts">
        {isToBeSeen && act('Seen', actions.acknowledge)}
        {rule.muted === null ? (
          <>
            {act('Mute 1 h', () => actions.mute(HOUR_MS))}
            {act('Mute', () => actions.mute(null))}
          </>
        ) : (
          act('Unmute', actions.unmute)
        )}
        {act('Edit', onEdit)}
        {act('Delete', () => alerts.book.edit((kept) => withoutRule(kept, rule.id)))}
      </span>
    </li>
  );
}

/** How a rule stands, in words. */
export function statusText(store: Store, rule: Rule, standings: Standings | null): string {
  if (!rule.enabled) return 'off';
  if (standings === null) return '';
  const { phase, latest, count, beyond, isWatched } = standings;
  const zone = store.view.zone.value;
  const value = latest === null ? '' : valueText(rule, latest.value, latest.key);
  const times = count > 1 ? `, ${count} times` : '';
  if (phase.startsWith('muted') && rule.muted !== null)
    return rule.muted.until === null ? 'muted' : `muted until ${clockWithZone(rule.muted.until, zone)}`;
  if (!isWatched) return 'waits: this symbol is not on the page';
  switch (phase) {
    case 'raised':
      return `${value} now${times}`;
    case 'cleared':
      return `was ${value}${times}, over`;
    case 'acknowledged':
      return `${value}, seen${beyond > 1 ? `, ${beyond} lines` : ''}`;
    case 'waiting':
      return `${value} again, within its pause of ${age(rule.cooldown_s * 1000)}`;
    default:
      return 'quiet';
  }
}
