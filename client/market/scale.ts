/**
 * The colours of the overview: blue above zero, rust below, the panel's grey at zero; a pair that holds apart for every common
 * colour-blindness. Mixed in OKLab, so that equal steps look equal; every shade carries its text at 4.5:1. Pure.
 */

/** The themes as the root element names them. */
export type Theme = 'dark' | 'light';

/** A cell's colours, as CSS colours. */
export interface Shade {
  readonly fill: string;
  readonly text: string;
}

interface Ends {
  readonly low: string;
  readonly zero: string;
  readonly high: string;
  readonly text: string;
}

const ENDS: Readonly<Record<Theme, Ends>> = {
  dark: { low: '#b04a22', zero: '#1c242c', high: '#1b6ec2', text: '#ffffff' },
  light: { low: '#f0a080', zero: '#f1f4f6', high: '#7ab5ee', text: '#10181f' },
};

/** Shades on either side of zero. */
const STEPS = 20;

/** Where scales may end: fractions, in steps of 1, 2 and 5. */
const LIMITS = [-5, -4, -3, -2, -1, 0].flatMap((power) => [1, 2, 5].map((digit) => Number(`${digit}e${power}`)));
const LEAST_LIMIT = 1e-5;

/** So many of the values lie within the scale; the others have its ends' colours. */
const WITHIN = 0.95;
/** A scale that once was wider is kept until its values fill less than this part of it, so that colours do not flicker. */
const NARROWED = 0.4;

/**
 * Where the scale ends: the least round figure that nineteen of twenty values lie within.
 *
 * @param values fractions; NaN is left out.
 * @param before the limit so far; 0 where there was none.
 */
export function limitFor(values: readonly number[], before: number): number {
  const sizes = values.filter((value) => Number.isFinite(value)).map(Math.abs);
  if (sizes.length === 0) return before === 0 ? LEAST_LIMIT : before;
  sizes.sort((a, b) => a - b);
  const size = sizes[Math.min(sizes.length - 1, Math.ceil(sizes.length * WITHIN) - 1)] ?? 0;
  if (size <= before && size > before * NARROWED) return before;
  return LIMITS.find((limit) => limit >= size) ?? LIMITS.at(-1) ?? 1;
}

/** The shade of a value on a scale that ends at `limit` on both sides. Neither NaN nor a stale value has one. */
export function shadeOf(value: number, limit: number, theme: Theme): Shade {
  const step = Math.round(Math.min(1, Math.max(-1, value / limit)) * STEPS);
  return shades(theme)[step + STEPS] ?? { fill: ENDS[theme].zero, text: ENDS[theme].text };
}

/** The colours of a legend's bar, from one end of the scale to the other; from zero on where nothing lies below it. */
export function legendColours(theme: Theme, isOneSided: boolean): readonly string[] {
  const all = shades(theme).map(({ fill }) => fill);
  return isOneSided ? all.slice(STEPS) : all;
}

const made = new Map<Theme, readonly Shade[]>();

function shades(theme: Theme): readonly Shade[] {
  const known = made.get(theme);
  if (known !== undefined) return known;
  const { low, zero, high, text } = ENDS[theme];
  const all = Array.from({ length: 2 * STEPS + 1 }, (_, index): Shade => {
    const part = (index - STEPS) / STEPS;
    return { fill: mix(zero, part < 0 ? low : high, Math.abs(part)), text };
  });
  made.set(theme, all);
  return all;
}

type Triple = readonly [number, number, number];

/** The colour that lies between two, at a part of the way; `#rrggbb`. */
export function mix(from: string, to: string, part: number): string {
  const a = oklabOf(from);
  const b = oklabOf(to);
  return hexOf([a[0] + (b[0] - a[0]) * part, a[1] + (b[1] - a[1]) * part, a[2] + (b[2] - a[2]) * part]);
}

/** Linear light of the three channels of `#rrggbb`, 0 to 1. */
export function linearOf(hex: string): Triple {
  const channel = (at: number): number => {
    const value = Number.parseInt(hex.slice(at, at + 2), 16) / 255;
    return value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4;
  };
  return [channel(1), channel(3), channel(5)];
}

/** A colour in OKLab (Ottosson 2020), in which distances are as they look. */
export function oklabOf(hex: string): Triple {
  return oklabOfLinear(linearOf(hex));
}

/** The same of linear light. */
export function oklabOfLinear([r, g, b]: Triple): Triple {
  const l = Math.cbrt(0.4122214708 * r + 0.5363325363 * g + 0.0514459929 * b);
  const m = Math.cbrt(0.2119034982 * r + 0.6806995451 * g + 0.1073969566 * b);
  const s = Math.cbrt(0.0883024619 * r + 0.2817188376 * g + 0.6299787005 * b);
  return [
    0.2104542553 * l + 0.793617785 * m - 0.0040720468 * s,
    1.9779984951 * l - 2.428592205 * m + 0.4505937099 * s,
    0.0259040371 * l + 0.7827717662 * m - 0.808675766 * s,
  ];
}

function hexOf([lightness, a, b]: Triple): string {
  const l = (lightness + 0.3963377774 * a + 0.2158037573 * b) ** 3;
  const m = (lightness - 0.1055613458 * a - 0.0638541728 * b) ** 3;
  const s = (lightness - 0.0894841775 * a - 1.291485548 * b) ** 3;
  const linear = [
    4.0767416621 * l - 3.3077115913 * m + 0.2309699292 * s,
    -1.2684380046 * l + 2.6097574011 * m - 0.3413193965 * s,
    -0.0041960863 * l - 0.7034186147 * m + 1.707614701 * s,
  ];
  const channels = linear.map((value) => {
    const clipped = Math.min(1, Math.max(0, value));
    const encoded = clipped <= 0.0031308 ? 12.92 * clipped : 1.055 * clipped ** (1 / 2.4) - 0.055;
    return Math.round(encoded * 255)
      .toString(16)
      .padStart(2, '0');
  });
  return `#${channels.join('')}`;
}
