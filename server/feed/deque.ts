/** A list that grows at one end and is taken from at the other, both at constant cost. */

/** Entries taken off the front are let go at once; the space that they leave is closed when it is half of the list. */
const LEAST_TO_CLOSE = 64;

export class Deque<T> {
  #items: (T | undefined)[] = [];
  #front = 0;

  get length(): number {
    return this.#items.length - this.#front;
  }

  push(item: T): void {
    this.#items.push(item);
  }

  shift(): T | undefined {
    if (this.length === 0) return undefined;
    const item = this.#items[this.#front];
    this.#items[this.#front] = undefined;
    this.#front += 1;
    if (this.#front >= LEAST_TO_CLOSE && this.#front * 2 >= this.#items.length) {
      this.#items = this.#items.slice(this.#front);
      this.#front = 0;
    }
    return item;
  }

  /** Counted from the front; negative from the end, as `Array.at`. */
  at(index: number): T | undefined {
    const place = index < 0 ? this.#items.length + index : this.#front + index;
    return place < this.#front ? undefined : this.#items[place];
  }

  clear(): void {
    this.#items = [];
    this.#front = 0;
  }
}
