/**
 * What a pane of a chart shows, as plain data: recipes write it, `chart.ts` and the painters draw it. Times are epoch
 * ms throughout; values are in the unit of their column.
 */
import type { StreamName, ValueColumn } from '../../shared/streams.ts';
import type { Zone } from '../format.ts';
import type { LineView } from '../model.ts';
import type { Span } from './span.ts';
import type { AxisStyle } from './ticks.ts';

/** The value axis that a line belongs to. */
export type Side = 'left' | 'right';

/** A part of a pane's height, from and to as fractions measured from the bottom. */
export type Band = readonly [number, number];

export const WHOLE: Band = [0, 1];

/** How an axis is scaled and written. */
export interface AxisSpec {
  readonly style: AxisStyle;
  /** Values that are always in sight: `[0]` for a zero line, `[0, 1]` for a fraction. */
  readonly keep: readonly number[];
  /** Ticks at these values (a constant step apart) instead of ones that suit the range. */
  readonly ticks?: readonly number[];
  /** Beyond these the axis never goes, whatever its rounding. */
  readonly least?: number;
  readonly most?: number;
  /** Greater values lie lower: for drawdown. */
  readonly inverted?: boolean;
  /**
   * The part of the pane's height that the axis occupies, measured from the bottom. Two axes that share a pane without
   * sharing its space keep their lines apart.
   */
  readonly band?: Band;
}

/** How a line's points are drawn. */
export type Shape =
  | { readonly kind: 'line' }
  | { readonly kind: 'steps' }
  /** A line with the space between it and zero filled. */
  | { readonly kind: 'area' }
  /**
   * Points: solid at or above `solidFrom`, hollow below it. Of a pixel column's points the first, least, greatest and last
   * are drawn; where others can lie between them (`spread`) a faint stroke says how far they may reach.
   */
  | { readonly kind: 'dots'; readonly solidFrom: number | null; readonly spread: boolean }
  /**
   * Points whose size and colour say how far from the norm they are; solid at or above their own threshold. Where there
   * are more than can be told apart (`thinned`) only the strongest of a pixel column's lesser ones is drawn.
   */
  | { readonly kind: 'scatter'; readonly z: Float64Array; readonly threshold: Float64Array; readonly thinned: boolean };

/** Where a line's rows come from, for whoever tells one of them exactly. */
export interface RowSource {
  readonly stream: StreamName;
  readonly line: LineView;
  readonly symbol: string;
  /** What is drawn or told beside the stored values, computed from them. */
  readonly derived: readonly {
    readonly label: string;
    readonly unit: ValueColumn['unit'];
    value(index: number): number;
  }[];
}

/** One line of a pane. */
export interface PaneLine {
  readonly name: string;
  readonly times: Float64Array;
  /** As long as `times`; NaN breaks the line. */
  readonly values: Float64Array;
  /** So many rows are in the window; those after them only lead the line out of it. Absent: all are. */
  readonly end?: number;
  readonly side: Side;
  readonly shape: Shape;
  /** Index of its colour and dash. */
  readonly slot: number;
  /** Rows farther apart than this are not joined where those around them are closer, in ms; null joins all. */
  readonly breakAfterMs: number | null;
  /** The newest value as it stands at the line's end; null for no label (points). */
  readonly endText: string | null;
  /** How long nothing has arrived, where that is too long; else null. */
  readonly staleFor: string | null;
  /** A value as the tooltip's list of lines writes it. */
  format(value: number): string;
  readonly source: RowSource;
}

/** A horizontal line of reference. */
export interface Guide {
  readonly side: Side;
  readonly value: number;
  readonly label: string | null;
  /** `zero` is solid, `guide` dashed. */
  readonly tone: 'zero' | 'guide';
}

/** One plotting area with its axes. */
export interface Pane {
  /** Stable from draw to draw, unique within its chart. */
  readonly id: string;
  /** What it shows, with the unit; null where the chart's own title says it. */
  readonly title: string | null;
  readonly left: AxisSpec;
  readonly right: AxisSpec | null;
  readonly guides: readonly Guide[];
  readonly lines: readonly PaneLine[];
  /** Share of the chart's height. */
  readonly weight: number;
}

/** A period without data, or one that is marked. */
export interface Hatch {
  readonly from: number;
  readonly to: number;
}

/** The window that all panes of a chart share. Its ends are edges of pixel columns. */
export interface Frame extends Pick<Span, 'bucketMs' | 'from' | 'to'> {
  readonly zone: Zone;
  readonly hatches: readonly Hatch[];
  /** Periods whose rows came late. */
  readonly marks: readonly Hatch[];
  /** Whether this pane carries the time axis's labels. */
  readonly timeAxis: boolean;
}

/** Colours of the theme, as CSS colour strings. */
export interface Palette {
  readonly panel: string;
  readonly text: string;
  readonly second: string;
  readonly third: string;
  readonly grid: string;
  readonly zero: string;
  readonly alarm: string;
  readonly hatch: string;
  readonly series: readonly string[];
  /** For |z| below 3, from 3, from 4 and from 5. */
  readonly heat: readonly [string, string, string, string];
  /** The page's font family. */
  readonly font: string;
  /** Size of the charts' text in CSS pixels. */
  readonly textSize: number;
  /** How much thicker than on a desk lines, dots and gaps are; text has its own size. */
  readonly scale: number;
}

/** A canvas with the pane's scales: what a painter draws on. All positions in device pixels. */
export interface Surface {
  readonly ctx: CanvasRenderingContext2D;
  /** What lies left of it is painted already: it need not be painted, and what is is not seen. */
  readonly from: number;
  readonly left: number;
  readonly top: number;
  readonly width: number;
  readonly height: number;
  /** Device pixels in a CSS pixel, and the palette with its text size, both as `penOf` gives them. */
  readonly ratio: number;
  readonly palette: Palette;
  /** The time that the plot shows, and how it lies on its pixel columns. */
  readonly span: Span;
  x(time: number): number;
  /** Middle of a pixel column of the span. */
  columnX(column: number): number;
  y(value: number, side: Side): number;
}

/** What painters measure by: with the palette's scale in the ratio, and out of the text's size. */
export function penOf(palette: Palette, ratio: number): Pick<Surface, 'palette' | 'ratio'> {
  const { scale, textSize } = palette;
  return { palette: { ...palette, textSize: textSize / scale }, ratio: ratio * scale };
}

const DASHES: readonly (readonly number[])[] = [[], [7, 3], [2, 2.5], [9, 3, 2, 3]];

/** Colour of a slot; slots beyond the palette's eight begin again with another dash. */
export function slotColor(palette: Palette, slot: number): string {
  return palette.series[slot % palette.series.length] ?? palette.text;
}

/**
 * Dash of a slot in CSS pixels. The first three colours hold apart by themselves for the common colour-blindnesses; the
 * fourth to eighth and every further round do not, so they are dashed too.
 */
export function slotDash(slot: number): readonly number[] {
  const round = Math.floor(slot / 8);
  const inRound = slot % 8;
  const index = inRound < 3 ? round : 1 + ((inRound - 3) % 3) + round;
  return DASHES[index % DASHES.length] ?? [];
}
