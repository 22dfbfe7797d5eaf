/** Uploads under way, which are held in memory: so many of all, and of them so many of one tenant. */
import { TidepoolError } from "@tidepool/common";
import { uploadsAtOnceMax, uploadsOfTenantMax } from "../limits.ts";

export class Uploads {
  private readonly tenants: string[] = [];

  /** Returns what ends it. @throws TidepoolError `noCapacity`, `throttled` */
  enter(tenant: string): () => void {
    const own = this.tenants.filter((each) => each === tenant).length;
    if (own >= uploadsOfTenantMax) {
      throw new TidepoolError(
        "throttled",
        `${own} uploads of tenant '${tenant}' are under way at this frontend, the limit is ${uploadsOfTenantMax}`,
        { component: "frontend", reason: "uploads" },
      );
    }
    const count = this.tenants.length;
    if (count >= uploadsAtOnceMax) {
      throw new TidepoolError(
        "noCapacity",
        `${count} uploads are under way at this frontend, the limit is ${uploadsAtOnceMax}`,
        { component: "frontend", reason: "uploads" },
      );
    }
    this.tenants.push(tenant);
    return () => void this.tenants.splice(this.tenants.indexOf(tenant), 1);
  }
}
