/** How an alert is told beyond the page: a short sound, and a notification of the browser. Both may be forbidden, and say so. */
import { type ReadonlySignal, signal } from '@preact/signals';

/** Two notes, so that it is no system beep; soft, as it may come often. */
const NOTES_HZ = [660, 880] as const;
const NOTE_S = 0.14;
const LOUDNESS = 0.12;

/** Why no sound is made although it is wanted; null where it can be. */
export interface Chime {
  /** Whether the browser lets no sound out before a click. */
  readonly isBlocked: ReadonlySignal<boolean>;
  play(): void;
  /** To be called on a click or a key: lets sound out, and plays once so that it is heard. */
  allow(): void;
}

export function createChime(): Chime {
  const isBlocked = signal(false);
  let context: AudioContext | null = null;

  function sound(on: AudioContext): void {
    for (const [index, frequency] of NOTES_HZ.entries()) {
      const at = on.currentTime + index * NOTE_S;
      const note = new OscillatorNode(on, { frequency, type: 'sine' });
      const level = new GainNode(on, { gain: 0 });
      level.gain.setValueAtTime(0, at);
      level.gain.linearRampToValueAtTime(LOUDNESS, at + 0.01);
      level.gain.exponentialRampToValueAtTime(0.001, at + NOTE_S);
      note.connect(level).connect(on.destination);
      note.start(at);
      note.stop(at + NOTE_S);
    }
  }

  return {
    isBlocked,
    play() {
      // A context that is made before any gesture has the browser warn in its console, and plays nothing.
      if (context === null && !navigator.userActivation.hasBeenActive) {
        isBlocked.value = true;
        return;
      }
      context ??= new AudioContext();
      if (context.state === 'running') sound(context);
      else this.allow();
    },
    allow() {
      context ??= new AudioContext();
      const on = context;
      on.resume().then(
        () => {
          isBlocked.value = on.state !== 'running';
          if (on.state === 'running') sound(on);
        },
        () => {
          isBlocked.value = true;
        },
      );
    },
  };
}

/** Whether notifications can be shown: `ask`: the visitor has to be asked, on a click. */
export type NotifyState = 'granted' | 'ask' | 'denied' | 'insecure' | 'unsupported';

export function notifyState(): NotifyState {
  if (!isSecureContext) return 'insecure';
  if (!('Notification' in globalThis)) return 'unsupported';
  return Notification.permission === 'default' ? 'ask' : Notification.permission;
}

/** What a visitor is told of each state. */
export const NOTIFY_TEXTS: Readonly<Record<NotifyState, string>> = {
  granted: 'Shown while this page is hidden.',
  ask: 'The browser will ask whether it may show them.',
  denied: 'The browser has them blocked for this page; allow them in its settings for the site.',
  insecure: 'Browsers show them only for pages on https or on localhost.',
  unsupported: 'This browser has none.',
};

/** Shows a notification; one of the same name takes the place of the last. A click on it shows the page. */
export function notify(name: string, title: string, body: string, onClick: () => void): void {
  if (notifyState() !== 'granted') return;
  try {
    const shown = new Notification(title, { body, tag: `alphapulse-${name}` });
    shown.addEventListener('click', () => {
      window.focus();
      onClick();
      shown.close();
    });
  } catch {
    // Browsers on phones allow them to service workers alone; the banner on the page is there all the same.
  }
}
