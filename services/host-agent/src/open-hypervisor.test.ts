import assert from "node:assert/strict";
import { silentLogger } from "@tidepool/common";
import { readConfig } from "./config.ts";
import { openHypervisor } from "./open-hypervisor.ts";

describe("openHypervisor", () => {
  it("says how the guest image is made where it can build none", async () => {
    const config = readConfig({
      TIDEPOOL_CACHE_DIR: "/dev/null/cache",
      TIDEPOOL_QEMU_USER: "1000:1000",
    });
    await assert.rejects(openHypervisor(config, silentLogger), {
      code: "unavailable",
      message: /^no guest image in \/dev\/null\/cache, .*; 'tidepool image' builds it beforehand$/,
    });
  });
});
