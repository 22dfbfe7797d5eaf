/**
 * Names with the instant at which each is due, the soonest first. Setting a name again leaves the old entry
 * in the heap, where it is passed over when its turn comes: cheaper than finding it.
 */

interface Entry {
  readonly atMs: number;
  readonly name: string;
}

export class WakeHeap {
  private readonly heap: Entry[] = [];
  private readonly dueAt = new Map<string, number>();

  /** One instant for each name; undefined takes the name out. */
  set(name: string, atMs: number | undefined): void {
    if (this.dueAt.get(name) === atMs) return;
    if (atMs === undefined) {
      this.dueAt.delete(name);
      return;
    }
    this.dueAt.set(name, atMs);
    this.push({ atMs, name });
  }

  /** The soonest instant; undefined when nothing waits. */
  nextAtMs(): number | undefined {
    this.dropStale();
    return this.heap[0]?.atMs;
  }

  /** Takes out and returns the names that are due, the soonest first. */
  takeDue(nowMs: number): readonly string[] {
    const due: string[] = [];
    for (;;) {
      this.dropStale();
      const first = this.heap[0];
      if (first === undefined || first.atMs > nowMs) return due;
      this.pop();
      this.dueAt.delete(first.name);
      due.push(first.name);
    }
  }

  private dropStale(): void {
    let first = this.heap[0];
    while (first !== undefined && this.dueAt.get(first.name) !== first.atMs) {
      this.pop();
      first = this.heap[0];
    }
  }

  private push(entry: Entry): void {
    const { heap } = this;
    let at = heap.length;
    heap.push(entry);
    while (at > 0) {
      const up = (at - 1) >> 1;
      const parent = heap[up];
      if (parent === undefined || parent.atMs <= entry.atMs) break;
      heap[at] = parent;
      at = up;
    }
    heap[at] = entry;
  }

  private pop(): void {
    const { heap } = this;
    const last = heap.pop();
    if (last === undefined || heap.length === 0) return;
    let at = 0;
    for (;;) {
      const left = 2 * at + 1;
      let child = heap[left];
      if (child === undefined) break;
      let down = left;
      const right = heap[left + 1];
      if (right !== undefined && right.atMs < child.atMs) {
        child = right;
        down = left + 1;
      }
      if (child.atMs >= last.atMs) break;
      heap[at] = child;
      at = down;
    }
    heap[at] = last;
  }
}
