/** Where one subscription stands, and what follows from that. */
import type { Want } from './types.ts';

/** Where a subscription stands. `off`: the server refuses the stream and says why; it is asked again from time to time. */
export type Phase =
  /** To be asked for at `at`; `drop` is the subscription that it replaces, still open on the server. */
  | { readonly name: 'queued'; readonly at: number; readonly drop: string | null }
  | { readonly name: 'asked'; readonly id: string }
  /** `resumed`: the rows since the cursor come, in place of a history. */
  | { readonly name: 'receiving'; readonly id: string; readonly chains: Map<string, string>; readonly resumed: boolean }
  | { readonly name: 'live'; readonly id: string; readonly chains: Map<string, string>; readonly since: number }
  | { readonly name: 'gap'; readonly id: string; readonly chains: Map<string, string> }
  | { readonly name: 'off'; readonly reason: string; readonly retryAt: number; readonly asking: string | null };

/** The chains of a phase that takes data; null in the others. */
export function chainsOf(phase: Phase): Map<string, string> | null {
  return phase.name === 'receiving' || phase.name === 'live' || phase.name === 'gap' ? phase.chains : null;
}

/** The id that a phase's frames carry; null where none is to be expected. */
export function idOf(phase: Phase): string | null {
  if (phase.name === 'queued') return null;
  return phase.name === 'off' ? phase.asking : phase.id;
}

/** Whether a channel's rows are wanted. */
export function matches(want: Want, key: string): boolean {
  return want.keys === null || want.keys.includes(key);
}

/** Whether two wants ask for the same rows in the same fineness. */
export function sameWant(a: Want, b: Want): boolean {
  if (a.stream !== b.stream || a.range !== b.range || a.bucketMs !== b.bucketMs || a.points !== b.points) return false;
  if (a.keys === null || b.keys === null) return a.keys === b.keys;
  return a.keys.length === b.keys.length && a.keys.every((key, index) => key === b.keys?.[index]);
}
