/** The exact values of the symbol under the pointer or the focus. */
import { useLayoutEffect, useRef } from 'preact/hooks';
import type { Rect } from './layout.ts';
import type { Summary } from './summary.ts';

const MARGIN = 8;

interface DetailProps {
  readonly id: string;
  readonly summary: Summary;
  /** The cell, in CSS pixels of the window. */
  readonly rect: Rect;
}

export function Detail({ id, summary, rect }: DetailProps) {
  const own = useRef<HTMLDivElement>(null);
  useLayoutEffect(() => {
    const element = own.current;
    if (element === null) return;
    const { offsetWidth, offsetHeight } = element;
    const beside = rect.x + rect.width + MARGIN;
    // To the right of its cell, else to the left, and never over it or out of the window.
    const left = beside + offsetWidth <= innerWidth - MARGIN ? beside : rect.x - offsetWidth - MARGIN;
    element.style.left = `${Math.max(MARGIN, left)}px`;
    const isOver = left < MARGIN;
    const top = isOver ? rect.y + rect.height + MARGIN : rect.y;
    element.style.top = `${Math.max(MARGIN, Math.min(top, innerHeight - offsetHeight - MARGIN))}px`;
  });
  return (
    <div class="market-detail" ref={own} id={id} role="tooltip" data-testid="market-detail">
      <strong>{summary.symbol}</strong>
      {summary.quotes.length === 0 ? (
        <p>No funding rate</p>
      ) : (
        <table>
          <thead>
            <tr>
              <th scope="col">Exchange</th>
              <th scope="col">Rate</th>
              <th scope="col">A year</th>
              <th scope="col">Came</th>
            </tr>
          </thead>
          <tbody>
            {summary.quotes.map((quote) => (
              <tr key={quote.exchange} {...(quote.stale ? { 'data-stale': '' } : {})}>
                <th scope="row">{quote.exchange}</th>
                <td>{quote.rate}</td>
                <td>{quote.annual}</td>
                <td>
                  {quote.age} ago{quote.stale && ', stale'}
                  <small class="market-time">{quote.time}</small>
                </td>
              </tr>
            ))}
          </tbody>
        </table>
      )}
      {summary.spread !== null && <p>Spread {summary.spread}</p>}
      <p>{summary.anomalies === null ? 'No anomalies in the last hour' : `Anomalies: ${summary.anomalies}`}</p>
      {summary.newest !== null && <p>Newest anomaly {summary.newest}</p>}
    </div>
  );
}
