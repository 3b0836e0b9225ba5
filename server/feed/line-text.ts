/**
 * The JSON of a line's rows in blocks. A line that a few rows came to is the same as before but for its end: only that is
 * encoded anew.
 */

/** Rows of a line, a column at a time. */
export interface LineRows {
  /** Epoch ms. */
  readonly times: readonly number[];
  /** JSON fragments. */
  readonly columns: readonly (readonly string[])[];
}

/** Rows [from, to): the JSON of their times, then that of each column, without brackets. */
export interface TextBlock {
  readonly from: number;
  readonly to: number;
  readonly texts: readonly string[];
}

/** What was encoded of a line so far; kept beside it, and in order. */
export interface LineText {
  blocks: readonly TextBlock[];
}

/** Rows of a block: few enough that encoding one takes no time, and many enough that there are few. */
const BLOCK_ROWS = 256;

/** What stays of a text where rows [first, until) of the line stay, and become the first of another one. */
export function sharedText({ blocks }: LineText, first: number, until: number): LineText {
  const whole = blocks.filter(({ from, to }) => from >= first && to <= until && to - from === BLOCK_ROWS);
  return {
    blocks: first === 0 ? whole : whole.map(({ from, to, texts }) => ({ from: from - first, to: to - first, texts })),
  };
}

/** The JSON of a line's rows from `first` on: that of their times, then that of each column. Notes in `text` what it made. */
export function encodeRows(rows: LineRows, first: number, text: LineText): readonly string[] {
  const blocks: TextBlock[] = [];
  let at = first;
  const fill = (end: number): void => {
    while (at < end) {
      const to = Math.min(end, at + BLOCK_ROWS);
      blocks.push(encodeBlock(rows, at, to));
      at = to;
    }
  };
  for (const block of text.blocks) {
    if (block.from < at) continue;
    fill(block.from);
    blocks.push(block);
    at = block.to;
  }
  fill(rows.times.length);
  text.blocks = blocks;
  return ['', ...rows.columns].map((_, column) => blocks.map(({ texts }) => texts[column]).join(','));
}

function encodeBlock({ times, columns }: LineRows, from: number, to: number): TextBlock {
  return { from, to, texts: [times, ...columns].map((column) => column.slice(from, to).join(',')) };
}
