/**
 * How wide the charts of all turns are. Labels differ from symbol to symbol, and with them the plots; one history serves
 * all, or it would be loaded anew at every turn. Pure.
 */
import type { StreamName } from '../../shared/streams.ts';

export class ChartWidths {
  readonly #tell: (name: StreamName, columns: number) => void;
  readonly #known = new Map<StreamName, Map<string, number>>();

  /** @param tell is told the columns (device pixels) that a stream's history is to be asked for. */
  constructor(tell: (name: StreamName, columns: number) => void) {
    this.#tell = tell;
  }

  /** A turn's chart has so many pixel columns. */
  report(symbol: string, name: StreamName, columns: number): void {
    const turns = this.#known.get(name) ?? new Map<string, number>();
    this.#known.set(name, turns);
    if (turns.get(symbol) === columns) return;
    turns.set(symbol, columns);
    // Of the narrowest: a wider chart shows a little more time; a narrower one would not show the whole range.
    this.#tell(name, Math.min(...turns.values()));
  }

  /** The screen has another size: what was known holds no more. */
  forget(): void {
    this.#known.clear();
  }
}
