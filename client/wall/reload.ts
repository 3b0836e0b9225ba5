/** Loads the wall anew, but only into a server that has a whole page to give, and not more often than makes sense. */
import * as z from 'zod/mini';
import { pageBuild } from '../socket.ts';
import { noteReload, type Reloads, reloadWait } from './watchdog.ts';

const MEMORY = 'alphapulse.wall-reloads';
/** Between two tries, while the server has no page, or it is too soon. */
const RETRY_MS = 10_000;
/** After a deploy the walls of a whole house reload, and must not come all at once. */
const SPREAD_MS = 4000;
const TIMEOUT_MS = 10_000;
/** Where a reload cannot be remembered, a page has to have lived for so long before another. */
const LIVED_MS = 10 * 60_000;

const memory = z.object({ count: z.number(), at: z.number() });

let wanted: { readonly reason: string; readonly build: string | null } | null = null;

/** Why a reload is owed; null while none is. */
export function reloadReason(): string | null {
  return wanted?.reason ?? null;
}

/** @param build that the server named: only a page of another build than this one is worth a reload then; null: each page is. */
export function reloadWhenServed(reason: string, build: string | null = null): void {
  const isWaiting = wanted !== null;
  // Whatever is wrong with this page, any page that is served is worth more than the one of a certain build.
  if (wanted === null || build === null) wanted = { reason, build };
  if (!isWaiting) setTimeout(tryIt, Math.random() * SPREAD_MS);
}

async function tryIt(): Promise<void> {
  if (wanted === null) return;
  const last = recall();
  const isLate = last === undefined ? performance.now() >= LIVED_MS : reloadWait(last, Date.now()) === 0;
  if (isLate && (await isServed(wanted.build))) {
    if (last === undefined || remember(noteReload(last, Date.now()))) {
      location.reload();
      return;
    }
  }
  setTimeout(tryIt, RETRY_MS);
}

/** The last reload; null: none. Undefined where storage is forbidden. */
function recall(): Reloads | null | undefined {
  try {
    const text = sessionStorage.getItem(MEMORY);
    return text === null ? null : memory.parse(JSON.parse(text));
  } catch (error) {
    return error instanceof DOMException ? undefined : null;
  }
}

function remember(reloads: Reloads): boolean {
  try {
    sessionStorage.setItem(MEMORY, JSON.stringify(reloads));
    return true;
  } catch {
    return false;
  }
}

/** Whether the server has the page and all that it loads. Without them a reload would leave a screen from which nothing comes back. */
async function isServed(build: string | null): Promise<boolean> {
  try {
    const html = await textOf(location.href);
    const page = new DOMParser().parseFromString(html, 'text/html');
    if (page.getElementById('root') === null) return false;
    // Where several servers answer, one may still have the old page.
    const served = page.querySelector('meta[name="build"]')?.getAttribute('content') ?? null;
    if (build !== null && served === pageBuild()) return false;
    const parts = page.querySelectorAll('script[src], link[rel="stylesheet"]');
    const urls = [...parts].flatMap((part) => part.getAttribute('src') ?? part.getAttribute('href') ?? []);
    await Promise.all(urls.map((url) => textOf(new URL(url, location.href).href)));
    return true;
  } catch {
    return false;
  }
}

async function textOf(url: string): Promise<string> {
  const response = await fetch(url, { cache: 'no-cache', signal: AbortSignal.timeout(TIMEOUT_MS) });
  if (!response.ok) throw new Error(`${url} answered ${response.status}.`);
  return response.text();
}
