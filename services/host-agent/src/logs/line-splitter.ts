/** Bytes of one output stream as lines. A line over the limit is cut, and says so. Pure but for its buffer. */
import { StringDecoder } from "node:string_decoder";

/** Longest line kept, UTF-16 units. */
export const lineMaxLength = 16 * 1024;
export const truncationMark = " … [line truncated]";

export class LineSplitter {
  private readonly decoder = new StringDecoder("utf8");
  private rest = "";
  private isCut = false;

  /** The lines that these bytes complete. */
  push(bytes: Uint8Array): readonly string[] {
    const pieces = this.decoder.write(Buffer.from(bytes)).split("\n");
    const last = pieces.pop() ?? "";
    const lines = pieces.map((piece) => this.take(piece));
    this.append(last);
    return lines;
  }

  /** What stands there without an end of line; undefined when nothing does. */
  flush(): string | undefined {
    this.append(this.decoder.end());
    return this.rest === "" ? undefined : this.take("");
  }

  private take(piece: string): string {
    this.append(piece);
    const line = this.rest.replace(/\r$/, "") + (this.isCut ? truncationMark : "");
    this.rest = "";
    this.isCut = false;
    return line;
  }

  private append(piece: string): void {
    this.rest += piece;
    if (this.rest.length <= lineMaxLength) return;
    this.rest = this.rest.slice(0, lineMaxLength);
    this.isCut = true;
  }
}
