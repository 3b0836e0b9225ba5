/** What a recipe is: how one stream becomes a chart and a card. Plain data and pure functions, no DOM. */
import type { StreamName } from '../../shared/streams.ts';
import type { Zone } from '../format.ts';
import type { StreamView } from '../model.ts';
import type { Pane } from '../painters/scene.ts';

/** What a recipe may know beside the rows. */
export interface RecipeContext {
  readonly symbol: string;
  readonly zone: Zone;
  /** The chosen range as the page writes it, such as `24h`, and its length in ms. */
  readonly range: string;
  readonly rangeMs: number;
  /** Where the window begins, epoch ms: up to a tenth of the range before it. */
  readonly from: number;
  /** Where the chart ends (epoch ms), if rows after it are there: it shows a stretch of the past. */
  readonly to?: number;
  /** Time of a pixel column, in ms. */
  readonly bucketMs: number;
  /** The server's clock, epoch ms. */
  readonly now: number;
  /** Id of the chosen variant; the first one's where none was chosen, empty where the recipe has none. */
  readonly variant: string;
}

/** Another way to show the same rows, one click away. */
export interface Variant {
  readonly id: string;
  readonly label: string;
}

/** A chart's panes and what its title says about them. */
export interface Picture {
  readonly subtitle: string;
  readonly panes: readonly Pane[];
  /** Why nothing can be drawn although there are rows, and what to do; null where the panes are the picture. */
  readonly refusal: string | null;
}

/** Whether a figure is good or bad news; its sign says so too. */
export type Tone = 'plain' | 'gain' | 'loss';

/** A card: the stream's latest values. */
export interface CardContent {
  /** The figure's name and the line that it is of. */
  readonly label: string;
  readonly source: string;
  readonly value: string;
  readonly tone: Tone;
  readonly change: { readonly text: string; readonly tone: Tone } | null;
  /** Further latest values, the most important first. */
  readonly notes: readonly string[];
  readonly spark: Spark | null;
}

/** What a sparkline draws: the figure's own line, in the chosen range. */
export interface Spark {
  readonly times: Float64Array;
  readonly values: Float64Array;
  readonly kind: 'line' | 'steps' | 'dots';
}

/** How one stream looks. */
export interface Recipe {
  readonly stream: StreamName;
  readonly title: string;
  /** At least two, or none. */
  readonly variants: readonly Variant[];
  /** Panes that stand side by side where there is room. */
  readonly columns: 1 | 2;
  /** Whether the head explains size and colour of the dots. */
  readonly heatLegend: boolean;
  picture(view: StreamView, context: RecipeContext): Picture;
  /** Null while there is no row to take a figure from. */
  card(view: StreamView, context: RecipeContext): CardContent | null;
}
