/** How one rule stands, as a total table of transitions: every input has an answer in every phase. Pure. */

/**
 * - `idle`: nothing is beyond, nothing to show.
 * - `raised`: something is beyond, and a banner says so.
 * - `cleared`: it is over, and the banner stays until somebody has seen it.
 * - `acknowledged`: something is beyond, and somebody has seen it.
 * - `waiting`: something is beyond, and it is too soon to announce it again.
 * - `muted`, `muted-beyond`: as idle and raised, without a word.
 */
export const PHASES = ['idle', 'raised', 'cleared', 'acknowledged', 'waiting', 'muted', 'muted-beyond'] as const;
export type Phase = (typeof PHASES)[number];

/**
 * - `enter`: a line went beyond; `enter-soon`: within the cooldown; `enter-seen`: by a row that was acknowledged before.
 * - `leave`: the last line that was beyond is back.
 * - `acknowledge`, `mute`, `unmute`: by the visitor, `unmute` also by time.
 * - `cool`: the cooldown is over.
 */
export const INPUTS = ['enter', 'enter-soon', 'enter-seen', 'leave', 'acknowledge', 'mute', 'unmute', 'cool'] as const;
export type Input = (typeof INPUTS)[number];

export const TABLE: { readonly [P in Phase]: { readonly [I in Input]: Phase } } = {
  idle: {
    enter: 'raised',
    'enter-soon': 'waiting',
    'enter-seen': 'acknowledged',
    leave: 'idle',
    acknowledge: 'idle',
    mute: 'muted',
    unmute: 'idle',
    cool: 'idle',
  },
  raised: {
    enter: 'raised',
    'enter-soon': 'raised',
    'enter-seen': 'raised',
    leave: 'cleared',
    acknowledge: 'acknowledged',
    mute: 'muted-beyond',
    unmute: 'raised',
    cool: 'raised',
  },
  cleared: {
    enter: 'raised',
    'enter-soon': 'raised',
    'enter-seen': 'raised',
    leave: 'cleared',
    acknowledge: 'idle',
    mute: 'muted',
    unmute: 'cleared',
    cool: 'cleared',
  },
  acknowledged: {
    enter: 'raised',
    'enter-soon': 'waiting',
    'enter-seen': 'acknowledged',
    leave: 'idle',
    acknowledge: 'acknowledged',
    mute: 'muted-beyond',
    unmute: 'acknowledged',
    cool: 'acknowledged',
  },
  waiting: {
    enter: 'raised',
    'enter-soon': 'waiting',
    'enter-seen': 'waiting',
    leave: 'idle',
    acknowledge: 'acknowledged',
    mute: 'muted-beyond',
    unmute: 'waiting',
    cool: 'raised',
  },
  muted: {
    enter: 'muted-beyond',
    'enter-soon': 'muted-beyond',
    'enter-seen': 'muted-beyond',
    leave: 'muted',
    acknowledge: 'muted',
    mute: 'muted',
    unmute: 'idle',
    cool: 'muted',
  },
  'muted-beyond': {
    enter: 'muted-beyond',
    'enter-soon': 'muted-beyond',
    'enter-seen': 'muted-beyond',
    leave: 'muted',
    acknowledge: 'muted-beyond',
    mute: 'muted-beyond',
    unmute: 'raised',
    cool: 'muted-beyond',
  },
};

/** Whether a banner is shown in a phase. */
export function isShown(phase: Phase): boolean {
  return phase === 'raised' || phase === 'cleared';
}

/** Whether something is beyond the rule's threshold in a phase. */
export function isBeyond(phase: Phase): boolean {
  return phase === 'raised' || phase === 'acknowledged' || phase === 'waiting' || phase === 'muted-beyond';
}

/**
 * Whether a transition is announced (a sound, a notification, a screen reader): by an entry that is not too soon, by the end
 * of a cooldown or of a mute that something outlasted.
 */
export function isAnnounced(from: Phase, input: Input): boolean {
  if (input === 'enter') return TABLE[from][input] === 'raised';
  return (input === 'cool' || input === 'unmute') && from !== 'raised' && TABLE[from][input] === 'raised';
}
