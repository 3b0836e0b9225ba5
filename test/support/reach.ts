/** What a visitor can reach on a page, by finger and by keyboard: the size of every target, and where Tab goes. */
import type { Page } from 'playwright-core';

/** What a finger taps on. */
const TARGETS =
  'button:not(:disabled), a[href], input, select, textarea, summary, [role="button"], [role="option"], [role="tab"]';
/** What Tab goes to. */
const STOPS = 'button:not(:disabled), a[href], input, select, textarea, summary, [tabindex]:not([tabindex="-1"])';

/** Targets within `root` that are shown and smaller than `least` CSS pixels either way, each with its size. */
export function smallTargets(page: Page, root: string, least: number): Promise<string[]> {
  return page.evaluate(
    ({ within, selector, size }) => {
      const found: string[] = [];
      for (const element of document.querySelectorAll<HTMLElement>(`:is(${within}) :is(${selector})`)) {
        if (!element.checkVisibility({ visibilityProperty: true })) continue;
        // A field within its label is tapped on the label.
        const target = element.matches('input') ? (element.closest('label') ?? element) : element;
        const { width, height } = target.getBoundingClientRect();
        if (width >= size - 0.01 && height >= size - 0.01) continue;
        const name = element.getAttribute('aria-label') ?? element.textContent ?? '';
        found.push(`${element.tagName} ${name.trim()}: ${width.toFixed(1)} x ${height.toFixed(1)}`);
      }
      return found;
    },
    { within: root, selector: TARGETS, size: least },
  );
}

/** Where Tab went. */
export interface Walk {
  /** Controls that it should reach, in all. */
  readonly stops: number;
  /** Of them, those that it did not come to. */
  readonly missed: readonly string[];
  /** Those that it came to, and that nothing marks as focused. */
  readonly unmarked: readonly string[];
}

/**
 * Presses Tab until every control within `root` that is shown had the focus, or often enough to say that some never get
 * it. Controls that are gone meanwhile are not counted; neither are those that share one stop, such as a list's.
 */
export async function walk(page: Page, root: string): Promise<Walk> {
  const stops = await page.evaluate(
    ({ within, selector }) => {
      const isReached = new Map<Element, boolean>();
      const all = document.querySelectorAll<HTMLElement>(`:is(${within}) :is(${selector})`);
      for (const element of all) {
        const isShown = element.tabIndex >= 0 && element.checkVisibility({ visibilityProperty: true });
        if (isShown) isReached.set(element, false);
      }
      Reflect.set(window, 'testStops', isReached);
      Reflect.set(window, 'testUnmarked', new Set<string>());
      return isReached.size;
    },
    { within: root, selector: STOPS },
  );
  // Round the whole page once, and over the parts that some fields have within.
  const most = 2 * (await page.locator(STOPS).count()) + 20;
  // What has the focus by having been opened was not gone to, and need not show it.
  let missed = await page.evaluate(noteFocus, false);
  for (let press = 0; press < most && missed.length > 0; press += 1) {
    await page.keyboard.press('Tab');
    missed = await page.evaluate(noteFocus, true);
  }
  const unmarked = await page.evaluate((): string[] => {
    const found: unknown = Reflect.get(window, 'testUnmarked');
    return found instanceof Set ? [...found].map(String) : [];
  });
  return { stops, missed, unmarked };
}

/** Notes which control has the focus and whether that can be seen; answers which have not had it. Runs in the page. */
function noteFocus(isGoneTo: boolean): string[] {
  const nameOf = (element: Element): string =>
    `${element.tagName} ${element.getAttribute('aria-label') ?? element.textContent?.trim().slice(0, 40)}`;
  const stops: unknown = Reflect.get(window, 'testStops');
  const unmarked: unknown = Reflect.get(window, 'testUnmarked');
  if (!(stops instanceof Map) || !(unmarked instanceof Set)) throw new Error('the walk was not begun');
  const element = document.activeElement;
  if (element instanceof HTMLElement && element !== document.body) {
    if (stops.has(element)) stops.set(element, true);
    const isOutlined = (candidate: Element): boolean => {
      const { outlineStyle, outlineWidth, outlineColor } = getComputedStyle(candidate);
      return outlineStyle !== 'none' && Number.parseFloat(outlineWidth) >= 1 && !/, 0\)$/.test(outlineColor);
    };
    const looks = (): string =>
      [element, element.parentElement ?? element]
        .map((each) => getComputedStyle(each))
        .map((style) => [style.boxShadow, style.borderColor, style.backgroundColor, style.outline].join())
        .join();
    // A list may have the focus as a whole, and mark the one entry that the keys are at.
    const entry = document.getElementById(element.getAttribute('aria-activedescendant') ?? '');
    let isMarked = isOutlined(element) || (entry !== null && isOutlined(entry));
    if (isGoneTo && !isMarked) {
      // Something else than an outline may tell it, on the control or on what holds it.
      const focused = looks();
      element.blur();
      isMarked = looks() !== focused;
      element.focus({ preventScroll: true });
    }
    if (isGoneTo && !isMarked) unmarked.add(nameOf(element));
  }
  const left: string[] = [];
  for (const [stop, isReached] of stops)
    if (!isReached && stop instanceof Element && stop.isConnected && stop.checkVisibility()) left.push(nameOf(stop));
  return left;
}
