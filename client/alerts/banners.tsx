/** The alerts that wait to be seen: one banner a rule, over the page's lower edge, so that no chart moves for them. */
import { clock } from '../format.ts';
import type { Store } from '../store.ts';
import { withChange } from './book.ts';
import { jumpTo } from './jump.ts';
import { isShown } from './phases.ts';
import { acknowledged, conditionText, type Rule, valueText } from './rules.ts';
import type { Standings } from './standings.ts';
import type { Alerts } from './watch.ts';

/** More banners than this would cover what they warn of. */
const MOST_BANNERS = 3;
const HOUR_MS = 3_600_000;

/** What can be done about a rule, from a banner and from the panel. */
export function actionsOf(store: Store, { book }: Alerts, { id }: Pick<Rule, 'id'>) {
  const now = (): number => Math.round(Date.now() + store.serverClockOffset.peek());
  const change = (act: (rule: Rule) => Rule): void => book.edit((kept) => withChange(kept, id, act));
  return {
    acknowledge: () => change((rule) => acknowledged(rule, now())),
    /** @param ms null: for good. */
    mute: (ms: number | null) =>
      change((rule) => ({ ...rule, muted: { at: now(), until: ms === null ? null : now() + ms } })),
    unmute: () => change((rule) => ({ ...rule, muted: null })),
    enable: (enabled: boolean) => change((rule) => ({ ...rule, enabled })),
  };
}

export function Banners({ store, alerts }: { store: Store; alerts: Alerts }) {
  const shown = alerts.standings.value.filter(({ phase }) => isShown(phase));
  const isBlocked = alerts.chime.isBlocked.value && alerts.book.kept.value.sound;
  if (shown.length === 0 && !isBlocked) return null;
  const newest = [...shown].sort((a, b) => (b.since ?? 0) - (a.since ?? 0));
  const rest = newest.length - MOST_BANNERS;
  return (
    <section class="alerts-banners" aria-label="Alerts to be seen" data-testid="alert-banners">
      {isBlocked && (
        <button type="button" class="alerts-blocked" data-testid="sound-blocked" onClick={alerts.chime.allow}>
          Sound is blocked by the browser. Click to allow it.
        </button>
      )}
      {newest.slice(0, MOST_BANNERS).map((standings) => (
        <Banner key={standings.rule.id} store={store} alerts={alerts} standings={standings} />
      ))}
      {rest > 0 && (
        <button
          type="button"
          class="alerts-more"
          onClick={() => {
            alerts.isOpen.value = true;
          }}
        >
          {rest} more
        </button>
      )}
    </section>
  );
}

function Banner({ store, alerts, standings }: { store: Store; alerts: Alerts; standings: Standings }) {
  const { rule, latest, count, phase } = standings;
  const actions = actionsOf(store, alerts, rule);
  const condition = conditionText(rule);
  const of =
    latest === null ? '' : [latest.key, latest.series].filter((name) => name !== null && name !== '').join(' ');
  return (
    // biome-ignore lint/a11y/useSemanticElements: a fieldset belongs to a form.
    <div class="alerts-banner" role="group" aria-label={condition} data-testid="alert-banner" data-phase={phase}>
      <button
        type="button"
        class="alerts-show"
        title="Show this moment in the charts"
        onClick={() => {
          if (latest !== null) jumpTo(store, rule, latest);
        }}
      >
        <span class="alerts-condition">
          {condition}
          {count > 1 && <b>{count} times</b>}
        </span>
        {latest !== null && (
          <span class="alerts-latest">
            <strong>{valueText(rule, latest.value, latest.key)}</strong> {of}
            <small>
              {phase === 'cleared' ? 'over, ' : ''}
              {clock(latest.time, store.view.zone.value)}
            </small>
          </span>
        )}
      </button>
      <span class="alerts-acts">
        <button type="button" class="button" title="Say nothing for an hour" onClick={() => actions.mute(HOUR_MS)}>
          Mute 1 h
        </button>
        <button type="button" class="button" onClick={actions.acknowledge}>
          Seen
        </button>
      </span>
    </div>
  );
}
