/** Where the overview's cells lie: sections of rows and columns, which cells are in sight, and where the arrow keys lead. Pure. */

/** A size of cells, in CSS pixels. */
export interface Tier {
  readonly name: 'small' | 'large' | 'huge' | 'wall';
  /** Cells are at least so wide; what is left of a row is shared among them. */
  readonly width: number;
  readonly height: number;
  /** Size of the symbol's text and of the figure's. */
  readonly nameSize: number;
  readonly valueSize: number;
  /** Between the cell's edge and its text. */
  readonly inset: number;
}

export const TIERS: Readonly<Record<Tier['name'], Tier>> = {
  small: { name: 'small', width: 116, height: 38, nameSize: 12, valueSize: 12, inset: 7 },
  large: { name: 'large', width: 168, height: 60, nameSize: 15, valueSize: 16, inset: 10 },
  huge: { name: 'huge', width: 240, height: 92, nameSize: 18, valueSize: 24, inset: 14 },
  // From five metres nothing below 20 pixels is read.
  wall: { name: 'wall', width: 244, height: 88, nameSize: 22, valueSize: 28, inset: 14 },
};

export const GAP = 3;
export const HEADING = 34;

/** A rectangle in CSS pixels of the grid's content. */
export interface Rect {
  readonly x: number;
  readonly y: number;
  readonly width: number;
  readonly height: number;
}

interface PlacedSection {
  /** Index of its first cell. */
  readonly start: number;
  readonly count: number;
  /** Where its heading begins; its cells come below that. */
  readonly top: number;
  readonly cellsTop: number;
}

/** Keys that move through the cells. */
export type MoveKey = 'ArrowLeft' | 'ArrowRight' | 'ArrowUp' | 'ArrowDown' | 'Home' | 'End' | 'PageUp' | 'PageDown';
export const MOVE_KEYS: readonly string[] = [
  'ArrowLeft',
  'ArrowRight',
  'ArrowUp',
  'ArrowDown',
  'Home',
  'End',
  'PageUp',
  'PageDown',
] satisfies MoveKey[];

/** Whether a key moves through the cells. */
export function isMoveKey(key: string): key is MoveKey {
  return MOVE_KEYS.includes(key);
}

/** The cells of a grid of one width. */
export class GridLayout {
  readonly tier: Tier;
  readonly width: number;
  readonly columns: number;
  readonly count: number;
  /** Of all content. */
  readonly height: number;
  readonly sections: readonly PlacedSection[];

  /**
   * @param counts cells of each section, in order.
   * @param hasHeadings whether sections have headings.
   */
  constructor(counts: readonly number[], hasHeadings: boolean, width: number, tier: Tier) {
    this.tier = tier;
    this.width = width;
    this.columns = Math.max(1, Math.floor((width + GAP) / (tier.width + GAP)));
    let start = 0;
    let top = 0;
    const sections: PlacedSection[] = [];
    for (const count of counts) {
      const cellsTop = top + (hasHeadings ? HEADING : 0);
      sections.push({ start, count, top, cellsTop });
      start += count;
      top = cellsTop + Math.ceil(count / this.columns) * (tier.height + GAP);
    }
    this.sections = sections;
    this.count = start;
    this.height = Math.max(0, top - GAP);
  }

  /** Where a cell lies. */
  rectOf(index: number): Rect {
    const section = this.#sectionOf(index);
    const within = index - section.start;
    const column = within % this.columns;
    const row = Math.floor(within / this.columns);
    // Edges are whole pixels, so that neighbours of unequal width have the same gap between them.
    const left = this.#edge(column);
    return {
      x: left,
      y: section.cellsTop + row * (this.tier.height + GAP),
      width: this.#edge(column + 1) - GAP - left,
      height: this.tier.height,
    };
  }

  /** The cell at a place; null between cells and beside them. */
  indexAt(x: number, y: number): number | null {
    for (const { start, count, cellsTop } of this.sections) {
      const row = Math.floor((y - cellsTop) / (this.tier.height + GAP));
      if (row < 0 || row >= Math.ceil(count / this.columns)) continue;
      // Edges were rounded, so that one may lie half a pixel before its place.
      const share = (x + 0.5) / (this.width + GAP);
      const column = Math.min(this.columns - 1, Math.max(0, Math.floor(share * this.columns)));
      const within = row * this.columns + column;
      if (within >= count) return null;
      const rect = this.rectOf(start + within);
      const isInside = x >= rect.x && x < rect.x + rect.width && y >= rect.y && y < rect.y + rect.height;
      return isInside ? start + within : null;
    }
    return null;
  }

  /** The cells that [top, bottom) touches, as half-open ranges of indexes. */
  visible(top: number, bottom: number): readonly (readonly [from: number, to: number])[] {
    const step = this.tier.height + GAP;
    const ranges: (readonly [number, number])[] = [];
    for (const { start, count, cellsTop } of this.sections) {
      const first = Math.max(0, Math.floor((top - cellsTop) / step));
      const last = Math.min(Math.ceil(count / this.columns), Math.ceil((bottom - cellsTop) / step));
      if (last > first) ranges.push([start + first * this.columns, start + Math.min(count, last * this.columns)]);
    }
    return ranges;
  }

  /** The section, row and column of a cell, each from 0; rows are counted over all sections. */
  placeOf(index: number): { readonly section: number; readonly row: number; readonly column: number } {
    let rows = 0;
    for (const [number, section] of this.sections.entries()) {
      if (index < section.start + section.count) {
        const within = index - section.start;
        return { section: number, row: rows + Math.floor(within / this.columns), column: within % this.columns };
      }
      rows += Math.ceil(section.count / this.columns);
    }
    return { section: 0, row: 0, column: 0 };
  }

  get rows(): number {
    return this.sections.reduce((sum, { count }) => sum + Math.ceil(count / this.columns), 0);
  }

  /** The cell that a key leads to. `page`: how many rows are in sight. */
  move(index: number, key: MoveKey, page: number): number {
    if (this.count === 0) return 0;
    const last = this.count - 1;
    switch (key) {
      case 'ArrowLeft':
        return Math.max(0, index - 1);
      case 'ArrowRight':
        return Math.min(last, index + 1);
      case 'Home':
        return 0;
      case 'End':
        return last;
      case 'ArrowUp':
        return this.#moveRows(index, -1);
      case 'ArrowDown':
        return this.#moveRows(index, 1);
      case 'PageUp':
        return this.#moveRows(index, -Math.max(1, page - 1));
      case 'PageDown':
        return this.#moveRows(index, Math.max(1, page - 1));
    }
  }

  /** Keeps the column where the other row has it, and ends at the first and last row. */
  #moveRows(index: number, rows: number): number {
    const { row, column } = this.placeOf(index);
    const wanted = Math.min(this.rows - 1, Math.max(0, row + rows));
    // At an end there is nowhere to go on to, not even sideways.
    if (wanted === row) return index;
    let before = 0;
    for (const { start, count } of this.sections) {
      const own = Math.ceil(count / this.columns);
      if (wanted < before + own) return start + Math.min(count - 1, (wanted - before) * this.columns + column);
      before += own;
    }
    return index;
  }

  #edge(column: number): number {
    return Math.round((column * (this.width + GAP)) / this.columns);
  }

  #sectionOf(index: number): PlacedSection {
    const found = this.sections.find(({ start, count }) => index < start + count);
    if (found === undefined) throw new RangeError(`There is no cell ${index} among ${this.count}.`);
    return found;
  }
}

/** The largest cells with which everything is in sight at once; the small ones, and scrolling, where none are small enough. */
export function fittingTier(counts: readonly number[], hasHeadings: boolean, width: number, height: number): Tier {
  for (const tier of [TIERS.huge, TIERS.large])
    if (new GridLayout(counts, hasHeadings, width, tier).height <= height) return tier;
  return TIERS.small;
}

/** Largest cells of a wall, as a multiple of its least, and the steps in which they are tried. */
const WALL_MOST = 5;
const WALL_STEP = 0.05;
/** A wall's cells are stretched to fill its height, but no further than this. */
const WALL_STRETCH = 1.4;

/** A wall's cells: as large as lets all of them be seen at once, and never smaller than is read from five metres. */
export function wallTier(counts: readonly number[], hasHeadings: boolean, width: number, height: number): Tier {
  const { wall } = TIERS;
  for (let scale = WALL_MOST; scale > 1; scale -= WALL_STEP) {
    const tier: Tier = {
      name: 'wall',
      width: Math.round(wall.width * scale),
      height: Math.round(wall.height * scale),
      nameSize: Math.round(wall.nameSize * scale),
      valueSize: Math.round(wall.valueSize * scale),
      inset: Math.round(wall.inset * scale),
    };
    const layout = new GridLayout(counts, hasHeadings, width, tier);
    if (layout.height > height) continue;
    const spare = Math.floor((height - layout.height) / Math.max(1, layout.rows));
    return { ...tier, height: Math.min(tier.height + spare, Math.round(tier.height * WALL_STRETCH)) };
  }
  return wall;
}

/** How many cells of each section are shown where nothing scrolls: whole rows, from the top, as far as the height reaches; 0 where its heading has no room either. */
export function countsWithin(
  counts: readonly number[],
  hasHeadings: boolean,
  { width, height }: { readonly width: number; readonly height: number },
  tier: Tier,
): readonly number[] {
  const { columns } = new GridLayout([], hasHeadings, width, tier);
  let left = height + GAP;
  return counts.map((count) => {
    left -= hasHeadings ? HEADING : 0;
    const rows = Math.min(Math.ceil(count / columns), Math.max(0, Math.floor(left / (tier.height + GAP))));
    left -= rows * (tier.height + GAP);
    return Math.min(count, rows * columns);
  });
}
