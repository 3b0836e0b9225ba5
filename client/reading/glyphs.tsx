/** The icons of the reader's tools; they come with this part of the page, so that the first view does without their shapes. */

const SHAPES = {
  full: 'M3 7V3h4M11 3h4v4M15 11v4h-4M7 15H3v-4',
  small: 'M7 3v4H3M15 7h-4V3M11 15v-4h4M3 11h4v4',
  more: 'M4 9h.1M9 9h.1M14 9h.1',
  share:
    'M7.6 10.4a3 3 0 0 0 4.3 0l2.4-2.4a3 3 0 0 0-4.3-4.3L8.9 4.8M10.4 7.6a3 3 0 0 0-4.3 0L3.7 10A3 3 0 0 0 8 14.3l1.1-1.1',
  close: 'M4.5 4.5l9 9M13.5 4.5l-9 9',
  back: 'M11 4 6 9l5 5',
  on: 'm7 4 5 5-5 5',
  list: 'M6.5 5h8M6.5 9h8M6.5 13h8M3.2 5h.1M3.2 9h.1M3.2 13h.1',
} as const;

export type GlyphName = keyof typeof SHAPES;

export function Glyph({ name }: { name: GlyphName }) {
  return (
    <svg class={`icon glyph-${name}`} viewBox="0 0 18 18" aria-hidden="true">
      <path d={SHAPES[name]} />
    </svg>
  );
}
