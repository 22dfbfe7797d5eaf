/**
 * Many short byte strings in few large blocks: a million arrays of their own would cost more than they hold.
 * A string is kept in whole cells; what is freed is used again for one of as many cells.
 */

const cellBytes = 32;
const cellsPerBlock = 1 << 17; // 4 MiB
const headBytes = 2;
/** Longest string that can be kept. */
export const packedBytesMax = 65_535;

export class PackedBytes {
  private readonly blocks: Uint8Array[] = [];
  /** By count of cells: the first cells of freed strings. */
  private readonly free: number[][] = [];
  private cellsUsed = 0;

  /** @param before the handle that it takes the place of @returns its handle */
  put(bytes: Uint8Array, before?: number): number {
    if (bytes.length > packedBytesMax)
      throw new RangeError(`${bytes.length} bytes, at most ${packedBytesMax} can be kept`);
    const cells = cellsOf(bytes.length);
    const isRoomy = before !== undefined && cellsOf(this.lengthAt(before)) === cells;
    if (before !== undefined && !isRoomy) this.remove(before);
    const at = isRoomy ? before : (this.free[cells]?.pop() ?? this.append(cells));
    const block = this.blockOf(at);
    const from = (at % cellsPerBlock) * cellBytes;
    block[from] = bytes.length & 0xff;
    block[from + 1] = bytes.length >> 8;
    block.set(bytes, from + headBytes);
    return at;
  }

  /** A view, valid until the next `put` or `remove`. */
  get(at: number): Uint8Array {
    const from = (at % cellsPerBlock) * cellBytes + headBytes;
    return this.blockOf(at).subarray(from, from + this.lengthAt(at));
  }

  remove(at: number): void {
    (this.free[cellsOf(this.lengthAt(at))] ??= []).push(at);
  }

  private append(cells: number): number {
    const left = cellsPerBlock - (this.cellsUsed % cellsPerBlock);
    const isNewBlock = this.cellsUsed === this.blocks.length * cellsPerBlock || left < cells;
    if (isNewBlock) {
      this.cellsUsed = this.blocks.length * cellsPerBlock;
      this.blocks.push(new Uint8Array(cellsPerBlock * cellBytes));
    }
    const at = this.cellsUsed;
    this.cellsUsed += cells;
    return at;
  }

  private lengthAt(at: number): number {
    const block = this.blockOf(at);
    const from = (at % cellsPerBlock) * cellBytes;
    return (block[from] ?? 0) | ((block[from + 1] ?? 0) << 8);
  }

  private blockOf(at: number): Uint8Array {
    const block = this.blocks[Math.floor(at / cellsPerBlock)];
    if (block === undefined) throw new RangeError(`cell ${at} of ${this.cellsUsed}`);
    return block;
  }
}

function cellsOf(length: number): number {
  return Math.ceil((length + headBytes) / cellBytes);
}
