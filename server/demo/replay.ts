/**
 * Plays a recording of funding rates on today's clock.
 *
 * At speed s an hour of the recording passes in 1/s hours. The moment of the first start is "now" on both clocks: the
 * recording stands there at its play position, a payment recorded d before that position is dated d/s before now, one
 * recorded after it comes live d/s after now. So seven days of history show up to 7 d x s of the recording.
 *
 * The play position lies 7 d x s behind the recording's start, but at three quarters of the recording at most, so that
 * there is a history and something left to play. With the default of 600 (ten minutes of recording a second) four years
 * are a history of about 44 hours and a play of 15, and what is paid each 8 h comes each 48 s. After its end the recording begins anew, one payment interval
 * later. A later start goes on where the newest row of the table says that the recording stood.
 *
 * A row is a payment as recorded; no polls are invented between payments. Every payment is scored: its z-score is that
 * against the payments of the same symbol and exchange in the 30 recorded days before it.
 */
import { createDetector, type Detector } from './detector.ts';
import type { NewestRate } from './past.ts';
import { type RecordedRate, type Recording, seriesKey } from './recording.ts';
import type { Batch } from './rows.ts';
import { anomalyRow } from './simulation.ts';

/** Ten minutes of the recording a second. */
export const DEFAULT_SPEED = 600;

/** A play begins at this part of the recording at the latest. */
const FURTHEST_START = 0.75;

const HOUR = 3_600_000;
const DAY = 24 * HOUR;
const HISTORY_MS = 7 * DAY;

/** Payments are watched over 30 days; ten days of 8 h payments are the least to judge by. */
export const RECORDED_WINDOW = { windowMs: 30 * DAY, barMs: 0, minSamples: 30 } as const;

/** A recording in play. Times are epoch ms of today's clock. */
export interface Replay {
  /** Passes over what is due up to that time; it counts for the z-scores, and no rows come of it. */
  skip(to: number): void;
  /** Adds what is due up to that time, and was not passed yet, to the batch. */
  fill(to: number, batch: Batch): void;
}

/**
 * Puts a recording on the clock.
 *
 * @param options.newest the newest rate in the table: where it comes from this recording, the play goes on after it.
 */
export function createReplay(options: {
  recording: Recording;
  speed: number;
  now: number;
  newest: NewestRate | null;
}): Replay {
  const { recording, speed, now, newest } = options;
  const anchor = anchorOf(recording, speed, now, newest);
  const shortest = Math.min(...recording.intervalHours.values());
  const lapMs = recording.end - recording.start + shortest * HOUR;
  const detectors = new Map<string, Detector>();
  let next = 0;
  let lap = 0;

  const recordedTime = (rate: RecordedRate): number => rate.time + lap * lapMs;
  const dueAt = (rate: RecordedRate): number => anchor.time + (recordedTime(rate) - anchor.position) / speed;

  const advance = (
    to: number,
    emit: (rate: RecordedRate, due: number, z: ReturnType<Detector['score']>) => void,
  ): void => {
    for (;;) {
      const rate = recording.rates[next];
      if (rate === undefined) {
        next = 0;
        lap++;
        continue;
      }
      const due = dueAt(rate);
      if (due > to) return;
      next++;
      const key = seriesKey(rate.symbol, rate.exchange);
      let detector = detectors.get(key);
      if (detector === undefined) {
        detector = createDetector(RECORDED_WINDOW);
        detectors.set(key, detector);
      }
      emit(rate, due, detector.score(recordedTime(rate), Number(rate.rate)));
    }
  };

  return {
    skip(to) {
      advance(to, () => undefined);
    },
    fill(to, batch) {
      advance(to, (rate, due, score) => {
        const timestamp = Math.round(due);
        const { symbol, exchange } = rate;
        batch.funding_rates.push({
          timestamp,
          symbol,
          exchange,
          funding_rate: rate.rate,
          estimated_rate: null,
          // The recording's next payment is hours away on its own clock, seconds on ours: neither is what the column means.
          next_funding_time: null,
          metadata: {
            interval_hours: recording.intervalHours.get(seriesKey(symbol, exchange)) ?? 8,
            recorded_at: new Date(rate.time).toISOString(),
          },
        });
        if (score === null) return;
        const value = Number(rate.rate);
        batch.anomalies.push(anomalyRow({ timestamp, symbol, dataType: 'funding_rate', exchange, value, score }));
      });
    },
  };
}

/** The two clocks' common moment: `position` is the recording's time at `time`. */
function anchorOf(
  recording: Recording,
  speed: number,
  now: number,
  newest: NewestRate | null,
): { time: number; position: number } {
  const recordedAt = newest?.recordedAt ?? null;
  if (newest !== null && recordedAt !== null && recordedAt >= recording.start && recordedAt <= recording.end) {
    return { time: newest.time, position: recordedAt };
  }
  const furthest = (recording.end - recording.start) * FURTHEST_START;
  return { time: now, position: recording.start + Math.min(HISTORY_MS * speed, furthest) };
}
