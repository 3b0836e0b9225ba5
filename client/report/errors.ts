/** Reports what went wrong on the page to the server: each fault once in a while, never so often that it would be a fault of its own. */
import { pageBuild } from '../socket.ts';

/** The same fault is reported again after this, with how often it came meanwhile. */
const AGAIN_MS = 60_000;
/** Reports in a minute at most, whatever they are of. */
const MOST = 6;
const MOST_MESSAGE = 500;
const MOST_STACK = 4000;

/** Faults by their text: how often each came since it was reported, and when that was. */
const seen = new Map<string, { count: number; at: number }>();
let sent: number[] = [];

interface Fault {
  readonly message: string;
  readonly stack: string | null;
}

function faultOf(cause: unknown, otherwise: string): Fault {
  return cause instanceof Error
    ? { message: String(cause), stack: cause.stack ?? null }
    : { message: otherwise === '' ? String(cause) : otherwise, stack: null };
}

/** Addresses without what may be secret in them. */
function plain(text: string, most: number): string {
  return text.replaceAll(/(https?:\/\/[^\s?#)]*)[?#][^\s):]*/g, '$1').slice(0, most);
}

/** Takes an `error` or `unhandledrejection` event of the window. */
export function reportError(event: Event): void {
  const isRejection = event instanceof PromiseRejectionEvent;
  const { message, stack } = isRejection
    ? faultOf(event.reason, '')
    : faultOf(
        event instanceof ErrorEvent ? event.error : null,
        event instanceof ErrorEvent ? event.message : event.type,
      );
  const now = Date.now();
  const known = seen.get(message) ?? { count: 0, at: Number.NEGATIVE_INFINITY };
  known.count += 1;
  seen.set(message, known);
  sent = sent.filter((at) => at <= now && now - at < AGAIN_MS);
  if (sent.length >= MOST || (known.at <= now && now - known.at < AGAIN_MS)) return;
  sent.push(now);
  const { count } = known;
  // Texts that differ each time must not gather for months.
  if (seen.size > 100) seen.clear();
  seen.set(message, { count: 0, at: now });
  const report = {
    page: location.pathname.endsWith('/wall') ? 'wall' : 'desk',
    kind: isRejection ? 'rejection' : 'error',
    message: plain(message, MOST_MESSAGE),
    stack: stack === null ? null : plain(stack, MOST_STACK),
    build: pageBuild(),
    count,
  };
  fetch('/api/client-errors', {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(report),
    keepalive: true,
  }).catch(() => {
    // A server that is away cannot be told; the next report of the same fault counts this one.
    known.count = count;
    seen.set(message, known);
  });
}
