/** The machine's clock, as the feed core takes it. */
import type { Clock } from './feed/ports.ts';

export const systemClock: Clock = {
  now: () => Date.now(),
  after(ms, action) {
    const timer = setTimeout(action, ms);
    return () => clearTimeout(timer);
  },
};
