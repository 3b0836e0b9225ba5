/** How the connected pages are, by what each tells of itself through its feed. */
import type { ScreenReport } from '../shared/protocol.ts';
import type { Screen } from './feed/session.ts';

/** A page tells of itself every half minute, and one that is shown is painted once a second: after this it hangs. */
const STUCK_MS = 90_000;

/** A page as `/api/metrics` lists it. */
export interface ScreenNow extends ScreenReport {
  /** The name of its connection, which its lines in the log carry. */
  readonly connection: string;
  readonly address: string;
  readonly painted_age_ms: number | null;
  readonly told_age_ms: number;
  /** Whether it is shown and has not been painted for a minute and a half. */
  readonly stuck: boolean;
}

/** The pages as they stand. @param now epoch ms. */
export function screensNow(screens: readonly Screen[], now: number): readonly ScreenNow[] {
  return screens.map(({ told, ...screen }) => {
    const paintedAge = screen.painted === null ? null : Math.max(0, now - screen.painted);
    return {
      ...screen,
      painted_age_ms: paintedAge,
      told_age_ms: Math.max(0, now - told),
      stuck: screen.visible && (paintedAge ?? now - told) > STUCK_MS,
    };
  });
}
