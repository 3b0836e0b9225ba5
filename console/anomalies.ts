/** The newest anomalies of some symbols, without going through all that are held. Pure. */
import type { LineView, StreamView } from '../client/model.ts';
import type { Anomaly } from '../client/reading/anomalylist.ts';

/** An anomaly, and the symbol that it is of. */
export type SeenAnomaly = Anomaly & { readonly symbol: string };

/** As many as the largest terminal shows. */
export const MOST_SEEN = 200;

/** The newest anomalies, newest first, at most `most`. `symbol`: of that one alone; null: of every one that is held. */
export function newestAnomalies(view: StreamView, symbol: string | null, most = MOST_SEEN): readonly SeenAnomaly[] {
  const lines = view.channels
    .filter(({ key }) => symbol === null || key === symbol)
    .flatMap(({ key, lines }) => lines.map((line) => ({ key, line, next: line.times.length - 1 })));
  const found: SeenAnomaly[] = [];
  while (found.length < most) {
    // Each line is in order of time, so that the newest of all is the last that was not taken of one of them.
    let newest: (typeof lines)[number] | null = null;
    let time = Number.NEGATIVE_INFINITY;
    for (const candidate of lines) {
      const at = candidate.line.times[candidate.next] ?? Number.NEGATIVE_INFINITY;
      if (at <= time) continue;
      newest = candidate;
      time = at;
    }
    if (newest === null) break;
    found.push(anomalyAt(newest.key, newest.line, newest.next));
    newest.next -= 1;
  }
  return found;
}

function anomalyAt(symbol: string, { name, times, columns }: LineView, index: number): SeenAnomaly {
  const cell = (column: string): number => columns[column]?.[index] ?? Number.NaN;
  return {
    symbol,
    time: times[index] ?? Number.NaN,
    type: name,
    value: cell('value'),
    z: cell('z_score'),
    threshold: cell('threshold'),
  };
}
