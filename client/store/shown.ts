/** One stream as the store shows it: what is held of it, and the view that was last built, as a signal. */
import { type Signal, signal } from '@preact/signals';
import type { StreamName } from '../../shared/streams.ts';
import type { StreamView } from '../model.ts';
import type { Picture } from '../series.ts';
import { HeldStream, type Moment } from './held.ts';

/** One stream in the store. */
export class ShownStream extends HeldStream {
  readonly view: Signal<StreamView>;

  constructor(name: StreamName, picture: Picture, columns: number) {
    super(name, picture, columns);
    const { range, pixelMs } = picture;
    this.view = signal({
      stream: name,
      state: 'loading',
      off: null,
      channels: [],
      range,
      bucketMs: pixelMs,
      lostFrom: null,
      arrivedAt: null,
      version: 0,
    });
  }

  /** Builds the view anew. */
  build(moment: Moment): void {
    this.view.value = this.viewAt(moment, this.view.peek().version + 1);
  }
}
