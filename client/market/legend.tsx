/** What colours and marks of the overview mean. */
import { percent } from '../format.ts';
import { legendColours, type Theme } from './scale.ts';
import { spreadText } from './values.ts';

interface LegendProps {
  readonly theme: Theme;
  /** Where the scale ends, a fraction. */
  readonly limit: number;
  readonly isSpread: boolean;
  /** Whether any cell is stale, and any is marked; what is not there needs no explaining. */
  readonly hasStale: boolean;
  readonly hasMarks: boolean;
}

/** A limit without a tail of zeros: `0.05%`. */
function limitText(limit: number, isSpread: boolean): string {
  const decimals = Math.max(0, -Math.floor(Math.log10(Math.abs(limit) * 100) + 1e-9));
  return isSpread ? spreadText(limit) : percent(limit, decimals, 'plus');
}

export function Legend({ theme, limit, isSpread, hasStale, hasMarks }: LegendProps) {
  const bar = `linear-gradient(90deg, ${legendColours(theme, isSpread).join(', ')})`;
  return (
    <div class="market-legend" data-testid="market-legend">
      <span class="market-scale">
        {isSpread ? '0' : limitText(-limit, false).replace('%', '')}
        <i style={{ background: bar }} />
        {limitText(limit, isSpread)}
      </span>
      {hasMarks && (
        <span class="market-key">
          <i class="market-dot" data-heat="1" />
          3σ
          <i class="market-dot" data-heat="2" />
          4σ
          <i class="market-dot" data-heat="3" />
          5σ+
          <span>strongest anomaly of the last hour, and how many</span>
        </span>
      )}
      {hasStale && (
        <span class="market-key">
          <i class="market-hatch" />
          stale, since
        </span>
      )}
    </div>
  );
}
