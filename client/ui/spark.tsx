/** A line's course in a few pixels, without axes: the shape of the range beside its latest value. */
import type { Spark } from '../recipes/recipe.ts';
import { sparkPath } from '../sparkline.ts';

const WIDTH = 120;
const HEIGHT = 28;

export function Sparkline({ spark, from, to }: { spark: Spark; from: number; to: number }) {
  const path = sparkPath(spark, { from, to, width: WIDTH, height: HEIGHT });
  return (
    <svg class="card-spark" viewBox={`0 0 ${WIDTH} ${HEIGHT}`} preserveAspectRatio="none" aria-hidden="true">
      <path class={spark.kind === 'dots' ? 'spark-dots' : 'spark-line'} d={path} />
    </svg>
  );
}
