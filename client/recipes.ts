/** What each stream looks like on screen. The compiler checks that none is missing. */
import type { StreamName } from '../shared/streams.ts';
import { anomaliesRecipe } from './recipes/anomalies.ts';
import { fundingRecipe } from './recipes/funding.ts';
import { performanceRecipe } from './recipes/performance.ts';
import { predictionsRecipe } from './recipes/predictions.ts';
import type { Recipe } from './recipes/recipe.ts';
import { systemRecipe } from './recipes/system.ts';

/** The recipes, by stream, in the order in which the page shows their charts. */
export const RECIPES: { readonly [N in StreamName]: Recipe & { readonly stream: StreamName } } = {
  funding_rates: fundingRecipe,
  performance_metrics: performanceRecipe,
  anomalies: anomaliesRecipe,
  signal_predictions: predictionsRecipe,
  system_metrics: systemRecipe,
};

/** The streams in that order. */
export const CHART_ORDER: readonly StreamName[] = Object.values(RECIPES).map(({ stream }) => stream);
