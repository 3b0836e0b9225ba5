/** The wall's size and place on its screen, and the pointer on it. */
import { type ReadonlySignal, signal } from '@preact/signals';
import { placeAt, SHIFT_MS } from './shift.ts';

/** Text sizes that fit into a screen: 20 CSS pixels at 1920x1080, larger on larger ones, never smaller. */
const UNIT_LEAST = 20;
/** Text of a desk's charts on a large screen, in CSS pixels: lines and dots grow with the text. */
const DESK_TEXT = 13;
const UNITS_WIDE = 96;
const UNITS_HIGH = 54;
/** Below so many units the five charts have no room beside each other. */
const SMALL_WIDE = 84;
const SMALL_HIGH = 47;
/** Steps that the picture wanders to each side, and how long one is, in units. */
const REACH = 6;
const STEP_UNITS = 0.05;
const CURSOR_MS = 3000;

/** What is known of the screen. */
export interface Screen {
  /** The wall's text size in CSS pixels. */
  readonly unit: ReadonlySignal<number>;
  readonly isSmall: ReadonlySignal<boolean>;
  /** Where the picture stands, as a CSS transform. */
  readonly shift: ReadonlySignal<string>;
  /** To be called from time to time. `now`: a clock in ms that nobody sets. */
  look(now: number): void;
}

/** Follows the screen's size. `onSize` is told when text has another size, after it has been set. */
export function followScreen(onSize: () => void): Screen {
  const unit = signal(UNIT_LEAST);
  const isSmall = signal(false);
  const shift = signal('none');
  const { documentElement } = document;
  let step = 0;
  let steppedAt: number | null = null;

  function measure(): void {
    unit.value = Math.max(UNIT_LEAST, Math.min(innerWidth / UNITS_WIDE, innerHeight / UNITS_HIGH));
    isSmall.value = innerWidth < SMALL_WIDE * unit.value || innerHeight < SMALL_HIGH * unit.value;
    documentElement.style.fontSize = `${unit.value}px`;
    documentElement.style.setProperty('--chart-text', `${unit.value}`);
    documentElement.style.setProperty('--chart-scale', `${unit.value / DESK_TEXT}`);
    place();
    onSize();
  }

  function place(): void {
    const { x, y } = placeAt(step, REACH);
    const length = Math.max(1, Math.round(unit.value * STEP_UNITS));
    // Of whole pixels, or text would be drawn blurred.
    shift.value = x === 0 && y === 0 ? 'none' : `translate(${x * length}px, ${y * length}px)`;
  }

  addEventListener('resize', measure);
  hideRestingCursor();
  measure();

  return {
    unit,
    isSmall,
    shift,
    look(now) {
      // A clock that goes back begins the wait anew.
      if (steppedAt === null || now < steppedAt) steppedAt = now;
      if (now - steppedAt < SHIFT_MS) return;
      steppedAt = now;
      step += 1;
      place();
    },
  };
}

function hideRestingCursor(): void {
  const { documentElement } = document;
  let timer: ReturnType<typeof setTimeout> | undefined;
  documentElement.dataset.resting = '';
  addEventListener('pointermove', () => {
    delete documentElement.dataset.resting;
    clearTimeout(timer);
    timer = setTimeout(() => {
      documentElement.dataset.resting = '';
    }, CURSOR_MS);
  });
}
