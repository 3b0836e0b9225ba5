/** The exit codes of `tail` in one table: the program ends by it, `--help` prints it, docs/tail.md is tested against it. */

/** Why a run of `tail` ended, with the code that scripts see and what it means, as words that complete "it ended, because". */
export const EXITS = {
  done: { code: 0, meaning: 'it was asked to (a signal, or its reader went away), and no row was lost' },
  failed: { code: 1, meaning: 'standard output or the cursor file could not be written, or of a fault of the program' },
  usage: { code: 2, meaning: 'its arguments or its environment cannot be used' },
  unreachable: { code: 3, meaning: 'no feed answered within --wait' },
  unauthorized: { code: 4, meaning: 'the server wants another token (close codes 4401 and 4403, HTTP 401 and 403)' },
  protocol: { code: 5, meaning: 'the server does not speak this version of the protocol (close code 4426)' },
  refused: { code: 6, meaning: 'the server refused what was asked for: the stream, the keys or the cursor' },
  lost: { code: 7, meaning: 'it was asked to, but rows were lost on the way (standard error told which)' },
} as const;

export type Exit = keyof typeof EXITS;

/** The table as lines of text. */
export function describeExits(): readonly string[] {
  return Object.values(EXITS).map(({ code, meaning }) => `  ${String(code).padEnd(3)} ${meaning}`);
}
