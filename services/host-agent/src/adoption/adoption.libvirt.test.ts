import { rm } from "node:fs/promises";
import { LibvirtClient } from "../libvirt/libvirt-client.ts";
import { adoptionSuite } from "../testing/adoption-suite.ts";
import { makeReachableCache, startLibvirtd } from "../testing/libvirtd.ts";

adoptionSuite("libvirt", async () => {
  const libvirtd = await startLibvirtd();
  const cacheDir = await makeReachableCache();
  return {
    env: {
      TIDEPOOL_HYPERVISOR: "libvirt",
      TIDEPOOL_LIBVIRTD_DIR: libvirtd.directory,
      TIDEPOOL_CACHE_DIR: cacheDir,
    },
    async vmIds() {
      const client = await LibvirtClient.open(libvirtd.address);
      try {
        const names = (await client.listDomains()).map(({ name }) => name);
        return names.map((name) => name.replace("tidepool.h-adopt.", ""));
      } finally {
        await client.close();
      }
    },
    async dispose() {
      await libvirtd.stop();
      await rm(cacheDir, { recursive: true });
    },
  };
});
