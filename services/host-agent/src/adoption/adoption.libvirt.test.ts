import { LibvirtClient } from "../libvirt/libvirt-client.ts";
import { PrivateLibvirtd } from "../libvirt/private-libvirtd.ts";
import { adoptionSuite } from "../testing/adoption-suite.ts";

adoptionSuite("libvirt", async () => {
  const libvirtd = await PrivateLibvirtd.start();
  return {
    env: { TIDEPOOL_HYPERVISOR: "libvirt", TIDEPOOL_LIBVIRT_URI: libvirtd.address.uri },
    async vmIds() {
      const client = await LibvirtClient.open(libvirtd.address);
      try {
        const names = (await client.listDomains()).map(({ name }) => name);
        return names.map((name) => name.replace("tidepool.h-adopt.", ""));
      } finally {
        await client.close();
      }
    },
    dispose: () => libvirtd.stop(),
  };
});
