/** The theme: which of dark and light the page shows, and the charts' colours as the style sheet defines them. */
import { effect, type ReadonlySignal, signal } from '@preact/signals';
import type { Palette } from './painters/scene.ts';
import type { ThemeName } from './view.ts';

const PAGE_FONT = '"Inter Variable"';

const current = signal<Palette | null>(null);

/** The charts' colours; null until the style sheet has been read for the first time. */
export const palette: ReadonlySignal<Palette | null> = current;

/** Reads the palette from the custom properties in force. */
function readPalette(): Palette {
  const style = getComputedStyle(document.documentElement);
  const token = (name: string): string => style.getPropertyValue(`--${name}`).trim();
  return {
    panel: token('panel'),
    text: token('text'),
    second: token('second'),
    third: token('third'),
    grid: token('grid'),
    zero: token('zero'),
    alarm: token('alarm'),
    hatch: token('hatch'),
    series: [1, 2, 3, 4, 5, 6, 7, 8].map((slot) => token(`series-${slot}`)),
    heat: [token('heat-1'), token('heat-2'), token('heat-3'), token('heat-4')],
    font: style.fontFamily,
    textSize: Number.parseFloat(token('chart-text')) || 12,
    scale: Number.parseFloat(token('chart-scale')) || 1,
  };
}

/**
 * Keeps the root element's `data-theme` and the palette in step with the choice, the operating system's theme and the
 * page's density.
 *
 * @returns stops it
 */
export function followTheme(choice: ReadonlySignal<ThemeName>): () => void {
  const system = matchMedia('(prefers-color-scheme: light)');
  const dense = matchMedia('(min-width: 1800px)');
  const apply = (): void => {
    const chosen = choice.peek();
    const isLight = chosen === 'system' ? system.matches : chosen === 'light';
    document.documentElement.dataset.theme = isLight ? 'light' : 'dark';
    current.value = readPalette();
  };
  const stop = effect(() => {
    choice.value;
    apply();
  });
  system.addEventListener('change', apply);
  dense.addEventListener('change', apply);
  // Canvas text does not follow a font that comes late, as the page's own text does. Without the font the next one of
  // the family stays.
  document.fonts.load(`500 12px ${PAGE_FONT}`, 'aσ').then(apply, apply);
  return () => {
    stop();
    system.removeEventListener('change', apply);
    dense.removeEventListener('change', apply);
  };
}
