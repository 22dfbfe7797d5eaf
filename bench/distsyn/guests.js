/** Guests for measuring: the machine's accelerator, its image and the qemu driver in a folder of its own. */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { defaultCacheDir, ensureGuestImage } from "@tidepool/guest";
import { chooseAccelerator, QemuHypervisor } from "@tidepool/host-agent/measuring";
export const config = { runtime: "nodejs20", memoryMib: 128 };
export async function openGuests() {
    const cacheDir = defaultCacheDir();
    const image = await ensureGuestImage({ runtime: config.runtime, cacheDir });
    const { accelerator } = await chooseAccelerator(image, { cacheDir });
    const folder = await mkdtemp(join(tmpdir(), "tidepool-bench-"));
    const hypervisor = new QemuHypervisor({
        accelerator,
        image: () => Promise.resolve(image),
        cacheDir,
        stateDir: folder,
    });
    return {
        accelerator,
        image,
        hypervisor,
        folder,
        async close() {
            await hypervisor.close();
            await rm(folder, { recursive: true, force: true });
        },
    };
}
//# sourceMappingURL=guests.js.map