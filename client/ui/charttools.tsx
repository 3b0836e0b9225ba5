/** The tools of one chart, at the right of its head. */
import type { RefObject } from 'preact';
import type { StreamName } from '../../shared/streams.ts';
import type { Store } from '../store.ts';
import type { ChartController } from './controller.ts';

export interface ChartToolsProps {
  readonly store: Store;
  readonly stream: StreamName;
  readonly controller: ChartController;
  /** The chart's panel. */
  readonly root: RefObject<HTMLElement | null>;
}

export function ChartTools(_props: ChartToolsProps) {
  return null;
}
