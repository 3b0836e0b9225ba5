/** What the overview reads of the window: its own size, and whether the visitor wants no motion. */
import { type ReadonlySignal, useSignal } from '@preact/signals';
import type { RefObject } from 'preact';
import { useEffect, useLayoutEffect } from 'preact/hooks';

/** An element's size in CSS pixels. */
export interface Size {
  readonly width: number;
  readonly height: number;
}

/** The size of an element, followed; 0 by 0 before it is there. */
export function useSize(element: RefObject<HTMLElement | null>): ReadonlySignal<Size> {
  const size = useSignal<Size>({ width: 0, height: 0 });
  useLayoutEffect(() => {
    const own = element.current;
    if (own === null) return;
    const read = (): void => {
      const { clientWidth: width, clientHeight: height } = own;
      const before = size.peek();
      if (before.width !== width || before.height !== height) size.value = { width, height };
    };
    read();
    const observer = new ResizeObserver(read);
    observer.observe(own);
    return () => observer.disconnect();
  }, []);
  return size;
}

/** Whether motion is to be left out. */
export function useStillness(): ReadonlySignal<boolean> {
  const isStill = useSignal(false);
  useEffect(() => {
    const query = matchMedia('(prefers-reduced-motion: reduce)');
    const read = (): void => {
      isStill.value = query.matches;
    };
    read();
    query.addEventListener('change', read);
    return () => query.removeEventListener('change', read);
  }, []);
  return isStill;
}
