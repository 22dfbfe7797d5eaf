/**
 * What a template saves: from the start of QEMU to a runtime that answers, once by a cold boot of the very
 * same machine, once by a clone that has been greeted (right clock, fresh randomness, first ping answered).
 */
import { rm } from "node:fs/promises";
import { join } from "node:path";
import { hostTscKhz, machineArguments, memoryArguments, openGuestSession, QemuProcess, qemuProgram, } from "@tidepool/host-agent/measuring";
import { config, openGuests } from "./guests.js";
import { pinger } from "./pings.js";
import { quantile, rowOf, timesOf } from "./stats.js";
const coldBootCount = 5;
const cloneCount = 40;
export async function benchClone() {
    const guests = await openGuests();
    try {
        const template = await guests.hypervisor.ensureTemplate(config);
        const cold = await timesOf(coldBootCount, () => coldBoot(guests));
        const clones = [];
        for (let index = 0; index < cloneCount; index++) {
            const beganAtMs = performance.now();
            const domain = await guests.hypervisor.clone(template, `bench-${index}`);
            await openGuestSession(domain).handshake(template);
            clones.push(performance.now() - beganAtMs);
            await domain.destroy();
        }
        const cloneP50Ms = quantile(clones, 0.5);
        return {
            title: "clone against cold boot, qemu driver, until the Node.js runtime answers",
            accelerator: guests.accelerator,
            rows: [rowOf("cold boot", cold), rowOf("clone of the template", clones)],
            claims: [
                {
                    what: "cold boot / clone, medians",
                    value: quantile(cold, 0.5) / cloneP50Ms,
                    unit: "×",
                    bound: { atLeast: 15 },
                },
                { what: "clone, median", value: cloneP50Ms, unit: "ms", bound: { atMost: 150 } },
            ],
        };
    }
    finally {
        await guests.close();
    }
}
async function coldBoot({ accelerator, image, folder }) {
    const ramPath = join(folder, "cold-ram");
    const machine = { accelerator, image, config, tscKhz: await hostTscKhz() };
    const process = new QemuProcess(qemuProgram, [
        ...machineArguments(machine, "bench"),
        ...memoryArguments(config, ramPath, false),
    ]);
    try {
        await process.orExit(pinger(process.runtime)());
    }
    finally {
        await process.kill();
        await rm(ramPath, { force: true });
    }
}
//# sourceMappingURL=clone.js.map