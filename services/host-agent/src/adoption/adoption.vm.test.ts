import { join } from "node:path";
import { findDomains } from "../qemu/domains-on-host.ts";
import { adoptionSuite } from "../testing/adoption-suite.ts";

adoptionSuite("qemu", async () => ({
  env: { TIDEPOOL_HYPERVISOR: "qemu" },
  async vmIds(stateDir) {
    return (await findDomains(join(stateDir, "h-adopt", "vms"))).map(({ vmId }) => vmId);
  },
  async dispose() {},
}));
