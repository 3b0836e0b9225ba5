/** Tells in the log how far the packing of the past is: at its beginning, at each tenth, and at its end. */
import type { Logger } from 'pino';
import type { StreamName } from '../../../shared/streams.ts';
import type { StepOutcome } from './step.ts';

/** One hour is missing once an hour; more are missing where a past is to be packed. */
const WORTH_TELLING = 2;

export class RollupReport {
  readonly #stream: StreamName;
  readonly #log: Logger;
  /** Tenths that were told, null while there is nothing to tell. */
  #tenths: number | null = null;

  constructor(stream: StreamName, log: Logger) {
    this.#stream = stream;
    this.#log = log;
  }

  tell({ kind, built, hoursDone, hoursAll }: StepOutcome): void {
    if (kind === 'unfit' || kind === 'cleared') return;
    const missing = hoursAll - hoursDone;
    if (this.#tenths === null && (missing < WORTH_TELLING || built === 0)) return;
    const tenths = Math.floor((hoursDone * 10) / Math.max(1, hoursAll));
    if (this.#tenths !== null && tenths <= this.#tenths && missing > 0) return;
    const stream = this.#stream;
    const what = missing > 0 ? `${hoursDone} of ${hoursAll} hours, newest first` : `all ${hoursAll} hours`;
    this.#log.info({ stream, hoursDone, hoursAll }, `rollups of ${stream}: ${what}`);
    this.#tenths = missing > 0 ? tenths : null;
  }
}
