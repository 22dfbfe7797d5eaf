/**
 * What is due at an instant, the soonest first. Each has at most one instant, and knows its own place in
 * the heap: to set it anew moves it, and leaves nothing behind.
 */

export interface Waking {
  /** Undefined when it waits for nothing. */
  wakeAtMs: number | undefined;
  /** Its place in the heap; −1 when it is not there. */
  wakePlace: number;
}

export class WakeHeap<T extends Waking> {
  private readonly heap: T[] = [];

  get size(): number {
    return this.heap.length;
  }

  /** One instant for each; undefined takes it out. */
  set(item: T, atMs: number | undefined): void {
    if (item.wakeAtMs === atMs) return;
    item.wakeAtMs = atMs;
    if (atMs === undefined) this.takeOut(item);
    else if (item.wakePlace < 0) this.up(item, this.heap.push(item) - 1);
    else this.settle(item);
  }

  /** The soonest instant; undefined when nothing waits. */
  nextAtMs(): number | undefined {
    return this.heap[0]?.wakeAtMs;
  }

  /** Takes out and returns the soonest if it is due. */
  takeDue(nowMs: number): T | undefined {
    const [first] = this.heap;
    if (first === undefined || (first.wakeAtMs ?? 0) > nowMs) return undefined;
    this.set(first, undefined);
    return first;
  }

  private takeOut(item: T): void {
    const place = item.wakePlace;
    item.wakePlace = -1;
    const last = this.heap.pop();
    if (last === undefined || last === item) return;
    last.wakePlace = place;
    this.settle(last);
  }

  private settle(item: T): void {
    if (!this.up(item, item.wakePlace)) this.down(item, item.wakePlace);
  }

  private up(item: T, from: number): boolean {
    const { heap } = this;
    let place = from;
    while (place > 0) {
      const above = heap[(place - 1) >> 1];
      if (above === undefined || isSooner(above, item)) break;
      this.put(above, place);
      place = (place - 1) >> 1;
    }
    this.put(item, place);
    return place !== from;
  }

  private down(item: T, from: number): void {
    const { heap } = this;
    let place = from;
    for (;;) {
      const left = heap[2 * place + 1];
      if (left === undefined) break;
      const right = heap[2 * place + 2];
      const child = right !== undefined && !isSooner(left, right) ? right : left;
      if (isSooner(item, child)) break;
      const childPlace = child.wakePlace;
      this.put(child, place);
      place = childPlace;
    }
    this.put(item, place);
  }

  private put(item: T, place: number): void {
    this.heap[place] = item;
    item.wakePlace = place;
  }
}

function isSooner(a: Waking, b: Waking): boolean {
  return (a.wakeAtMs ?? 0) <= (b.wakeAtMs ?? 0);
}
