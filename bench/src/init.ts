/**
 * What a template after a function's own init saves: from the start of QEMU to a function that can be called,
 * once by a clone that runs the init, once by a clone of a template that was taken after it.
 */
import { openGuestSession } from "@tidepool/host-agent/measuring";
import type {
  FunctionLoad,
  GuestSession,
  QemuHypervisor,
  Template,
} from "@tidepool/host-agent/measuring";
import { config, openGuests } from "./guests.ts";
import type { Report } from "./report.ts";
import { quantile, rowOf } from "./stats.ts";

const count = 20;
/** What a function does that reads its tables in. */
const initMs = 500;

const source = `
const until = performance.now() + ${String(initMs)};
const table = new Map();
for (let index = 0; performance.now() < until; index++) table.set(index % 10_000, { index, text: "row " + index });
exports.handler = async () => table.size;`;

const code: FunctionLoad = {
  functionName: "slow-init",
  functionVersion: "1",
  handler: "index.handler",
  memoryLimitMib: config.memoryMib,
  environment: {},
  files: [{ path: "index.js", mode: 0o644, content: Buffer.from(source) }],
};

export async function benchInit(): Promise<Report> {
  const guests = await openGuests();
  const { hypervisor } = guests;
  try {
    const base = await hypervisor.ensureTemplate(config);
    const without = await startTimes(hypervisor, base, (session) => session.load(code));
    const beganAtMs = performance.now();
    const template = await hypervisor.functionTemplates.make(base, async (domain) => {
      const session = openGuestSession(domain);
      await session.handshake(base);
      await session.load(code);
      await session.beforeSnapshot();
    });
    const makingMs = performance.now() - beganAtMs;
    const restored = await startTimes(hypervisor, template, (session) => session.afterRestore());
    return {
      title: `a cold start of a function whose init takes ${String(initMs)} ms, qemu driver`,
      accelerator: guests.accelerator,
      rows: [
        rowOf("clone, then load and init", without),
        rowOf("clone of a template after the init", restored),
        rowOf("making that template, once", [makingMs]),
      ],
      claims: [
        {
          what: "with init / of the template after it, medians",
          value: quantile(without, 0.5) / quantile(restored, 0.5),
          unit: "×",
          bound: { atLeast: 1.5 },
        },
      ],
    };
  } finally {
    await guests.close();
  }
}

/** From the start of QEMU to a function that can be called, one VM after the other. */
async function startTimes(
  hypervisor: QemuHypervisor,
  template: Template,
  ready: (session: GuestSession) => Promise<unknown>,
): Promise<number[]> {
  const times: number[] = [];
  for (let index = 0; index < count; index++) {
    const beganAtMs = performance.now();
    const domain = await hypervisor.clone(template, `bench-${String(index)}`);
    const session = openGuestSession(domain);
    await session.handshake(template);
    await ready(session);
    times.push(performance.now() - beganAtMs);
    await domain.destroy();
  }
  return times;
}
