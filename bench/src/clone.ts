/**
 * What a template saves: from the start of QEMU to a runtime that answers, once by a cold boot of the very
 * same machine, once by a clone that has been greeted (right clock, fresh randomness, first ping answered).
 */
import { rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import {
  hostTscKhz,
  machineArguments,
  memoryArguments,
  memoryUses,
  openGuestSession,
  QemuProcess,
  qemuProgram,
} from "@tidepool/host-agent/measuring";
import { config, openGuests } from "./guests.ts";
import type { Guests } from "./guests.ts";
import { pinger } from "./pings.ts";
import type { Report } from "./report.ts";
import { quantile, rowOf, timesOf } from "./stats.ts";

const coldBootCount = 5;
const cloneCount = 40;

export async function benchClone(): Promise<Report> {
  const guests = await openGuests();
  try {
    const template = await guests.hypervisor.ensureTemplate(config);
    const cold = await timesOf(coldBootCount, () => coldBoot(guests));
    const clones: number[] = [];
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
  } finally {
    await guests.close();
  }
}

async function coldBoot({ accelerator, image, folder }: Guests): Promise<void> {
  const ramPath = join(folder, "cold-ram");
  const machine = { accelerator, image, config, tscKhz: await hostTscKhz() };
  const words = [
    ...machineArguments(machine, "bench"),
    ...memoryArguments(config, memoryUses.boot),
  ];
  await writeFile(ramPath, "");
  const process = new QemuProcess(qemuProgram, words, { files: { image, ramPath } });
  try {
    await process.orExit(pinger(process.runtime)());
  } finally {
    await process.kill();
    await rm(ramPath, { force: true });
  }
}
