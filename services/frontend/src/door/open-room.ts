/** Room for streams that need no token, as watches of health: whoever reaches the frontend may open them. */
import { TidepoolError } from "@tidepool/common";
import { openWithoutTokenMax } from "../limits.ts";

export class OpenRoom {
  private readonly max: number;
  private count = 0;

  constructor(max = openWithoutTokenMax) {
    this.max = max;
  }

  /** Returns what leaves it again; idempotent. @throws TidepoolError `noCapacity` */
  enter(): () => void {
    if (this.count >= this.max) {
      throw new TidepoolError(
        "noCapacity",
        `${this.count} watches of health and streams of reflection are open at this frontend, the limit is ${this.max}`,
        { component: "frontend", reason: "doorFull" },
      );
    }
    this.count += 1;
    let isIn = true;
    return () => {
      if (isIn) this.count -= 1;
      isIn = false;
    };
  }
}
