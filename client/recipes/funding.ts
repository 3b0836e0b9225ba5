/** Funding rates: percent in steps, a line for each exchange, the zero line. */
import { annualisedRate, changeOverWindow, fundingIntervalHours } from '../derive.ts';
import { fixed, percent } from '../format.ts';
import type { StreamView } from '../model.ts';
import { at, column, leadingLine, type NamedLine, namedLines, paneLine, rememberedSlots } from './lines.ts';
import type { CardContent, Picture, Recipe, RecipeContext } from './recipe.ts';

const RATE = 'funding_rate';

/** A rate as the page writes it: `+0.0125%`. */
const rateText = (rate: number): string => percent(rate, Math.abs(rate) >= 0.01 ? 3 : 4, 'plus');

/** A difference of two rates, in percentage points. */
const points = (change: number): string => `${fixed(change * 100, 4, 'plus')} pp`;

/** The interval of all lines where they agree, for the title: `per 8 h`; else null. */
function commonInterval(lines: readonly NamedLine[]): string | null {
  const hours = new Set(lines.map(({ line }) => fundingIntervalHours(line)));
  const [only] = hours;
  return hours.size === 1 && typeof only === 'number' ? `per ${only} h` : null;
}

function picture(view: StreamView, context: RecipeContext): Picture {
  const lines = namedLines(view);
  const slots = rememberedSlots(
    view.stream,
    lines.map(({ name }) => name),
  );
  const isAnnual = context.variant === 'annual';
  const drawn = lines.flatMap((named) => {
    const hours = fundingIntervalHours(named.line);
    // Annualised only where the interval is known: a guess would be off by a factor of eight.
    if (isAnnual && hours === null) return [];
    const rates = column(named.line, RATE);
    const made = paneLine(view, named, context, {
      values: isAnnual && hours !== null ? rates.map((rate) => annualisedRate(rate, hours)) : rates,
      side: 'left',
      shape: { kind: 'steps' },
      slot: slots.get(named.name) ?? 0,
      format: isAnnual ? (rate) => percent(rate, 2, 'plus') : rateText,
      labelled: true,
      polled: true,
    });
    if (hours === null) return [made];
    const value = (index: number): number => annualisedRate(at(rates, index), hours);
    const derived = [{ label: `annualised (every ${hours} h)`, unit: 'fraction' as const, value }];
    return [{ ...made, source: { ...made.source, derived } }];
  });
  const unknown = lines.length - drawn.length;
  const interval = commonInterval(lines);
  const note = unknown > 0 ? `, ${unknown} without a known interval left out` : '';
  return {
    subtitle: isAnnual ? `% a year, by exchange${note}` : `% ${interval ?? 'per funding interval'}, by exchange`,
    refusal:
      isAnnual && drawn.length === 0 && lines.length > 0
        ? 'No exchange here has a known funding interval, so nothing can be annualised. Switch back to the rate itself.'
        : null,
    panes: [
      {
        id: 'rate',
        title: null,
        left: { style: 'percent-signed', keep: [0] },
        right: null,
        guides: [{ side: 'left', value: 0, label: null, tone: 'zero' }],
        lines: drawn,
        weight: 1,
      },
    ],
  };
}

function card(view: StreamView, context: RecipeContext): CardContent | null {
  const first = leadingLine(namedLines(view));
  if (first === undefined) return null;
  const { line, name } = first;
  const rates = column(line, RATE);
  const rate = at(rates, rates.length - 1);
  const hours = fundingIntervalHours(line);
  const change = changeOverWindow(line.times, rates, context.from);
  return {
    label: 'Funding',
    source: hours === null ? name : `${name}, per ${hours} h`,
    value: rateText(rate),
    tone: 'plain',
    change: change === null ? null : { text: `${points(change)} in ${context.range}`, tone: 'plain' },
    notes: hours === null ? [] : [`${percent(annualisedRate(rate, hours), 2, 'plus')} a year`],
    spark: { times: line.times, values: rates, kind: 'steps' },
  };
}

export const fundingRecipe: Recipe = {
  stream: 'funding_rates',
  title: 'Funding rate',
  variants: [
    { id: 'rate', label: 'Rate' },
    { id: 'annual', label: 'Annualised' },
  ],
  columns: 1,
  heatLegend: false,
  picture,
  card,
};
