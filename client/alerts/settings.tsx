/** How alerts are told, and how the rules are taken along, brought in and begun anew. */
import { useSignal } from '@preact/signals';
import { useRef } from 'preact/hooks';
import { formatFile, parseFile, withRule } from './book.ts';
import { MOST_RULES } from './rules.ts';
import { NOTIFY_TEXTS, notifyState } from './signals.ts';
import type { Alerts } from './watch.ts';

/** What is read of a file at most, in bytes. */
const MOST_BYTES = 1_000_000;
/** Faults of a file that are listed. */
const MOST_FAULTS = 5;

export function Settings({ alerts }: { alerts: Alerts }) {
  const { book, chime } = alerts;
  const { rules, sound, notify } = book.kept.value;
  const asked = useSignal(0);
  const told = useSignal<{ readonly isWrong: boolean; readonly lines: readonly string[] } | null>(null);
  const isSure = useSignal(false);
  const picker = useRef<HTMLInputElement>(null);
  // Read anew once the browser's question was answered.
  const state = asked.value >= 0 ? notifyState() : 'unsupported';

  const onNotify = (isOn: boolean): void => {
    book.edit((kept) => ({ ...kept, notify: isOn }));
    if (!isOn || state !== 'ask') return;
    void Notification.requestPermission().then(() => {
      asked.value += 1;
    });
  };
  const onSound = (isOn: boolean): void => {
    book.edit((kept) => ({ ...kept, sound: isOn }));
    // The click lets sound out, and is heard.
    if (isOn) chime.allow();
  };
  const onFile = async (input: HTMLInputElement): Promise<void> => {
    const [file] = input.files ?? [];
    if (file === undefined) return;
    const parsed = file.size > MOST_BYTES ? parseFile(' '.repeat(MOST_BYTES)) : parseFile(await file.text());
    // So that the same file can be chosen again.
    input.value = '';
    if ('faults' in parsed) {
      const rest = parsed.faults.length - MOST_FAULTS;
      const lines = [...parsed.faults.slice(0, MOST_FAULTS), ...(rest > 0 ? [`And ${rest} more.`] : [])];
      told.value = { isWrong: true, lines: ['Nothing was taken over.', ...lines] };
      return;
    }
    const fresh = parsed.value.filter(({ id }) => !rules.some((rule) => rule.id === id));
    if (rules.length + fresh.length > MOST_RULES) {
      told.value = { isWrong: true, lines: [`Nothing was taken over: there would be more than ${MOST_RULES} rules.`] };
      return;
    }
    book.edit((kept) => parsed.value.reduce(withRule, kept));
    const count = parsed.value.length;
    told.value = { isWrong: false, lines: [`${count} ${count === 1 ? 'rule' : 'rules'} taken over.`] };
  };

  return (
    <section class="alerts-settings" aria-label="How alerts are told">
      <label>
        <input type="checkbox" checked={sound} onChange={(event) => onSound(event.currentTarget.checked)} />
        <span>
          Sound
          <small>
            {chime.isBlocked.value && sound ? 'Blocked by the browser until you click.' : 'Two short notes.'}
          </small>
        </span>
        {chime.isBlocked.value && sound && (
          <button type="button" class="button" onClick={chime.allow}>
            Allow
          </button>
        )}
      </label>
      <label>
        <input
          type="checkbox"
          checked={notify}
          disabled={state === 'insecure' || state === 'unsupported'}
          aria-describedby="alerts-notify"
          onChange={(event) => onNotify(event.currentTarget.checked)}
        />
        <span>
          Notifications of the browser
          <small id="alerts-notify" data-testid="notify-state" data-state={state}>
            {NOTIFY_TEXTS[state]}
          </small>
        </span>
      </label>
      <div class="alerts-file">
        <button type="button" class="button" disabled={rules.length === 0} onClick={() => save(formatFile(rules))}>
          Export
        </button>
        <button type="button" class="button" onClick={() => picker.current?.click()}>
          Import
        </button>
        <input
          type="file"
          accept="application/json,.json"
          aria-label="File of rules"
          tabIndex={-1}
          hidden
          ref={picker}
          onChange={(event) => void onFile(event.currentTarget)}
        />
        {isSure.value ? (
          <button
            type="button"
            class="button alerts-sure"
            onClick={() => {
              book.reset();
              isSure.value = false;
            }}
          >
            Yes, delete all {rules.length}
          </button>
        ) : (
          <button
            type="button"
            class="button"
            disabled={rules.length === 0 && book.trouble.value === null}
            onClick={() => {
              isSure.value = true;
            }}
          >
            Delete all
          </button>
        )}
      </div>
      <p
        class="alerts-told"
        role={told.value?.isWrong ? 'alert' : 'status'}
        data-testid="alerts-told"
        {...(told.value?.isWrong ? { 'data-wrong': '' } : {})}
      >
        {told.value?.lines.map((line) => (
          <span key={line}>{line}</span>
        ))}
      </p>
    </section>
  );
}

function save(text: string): void {
  const address = URL.createObjectURL(new Blob([text], { type: 'application/json' }));
  const link = document.createElement('a');
  link.href = address;
  link.download = 'alphapulse-alerts.json';
  link.click();
  URL.revokeObjectURL(address);
}
