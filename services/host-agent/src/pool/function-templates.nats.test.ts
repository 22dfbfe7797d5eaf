/** Templates taken after a function's init, by a whole host-agent whose VMs are simulated. */
import assert from "node:assert/strict";
import { HostHarness } from "../testing/host-harness.ts";
import type { AssignOptions } from "../testing/host-harness.ts";
import { SimulatedHypervisor } from "../simulated/simulated-hypervisor.ts";
import type { FunctionTemplates } from "../hypervisor/hypervisor.ts";
import { functionTemplatesMaxCount } from "./function-templates.ts";

const slow: AssignOptions = {
  snapshotInit: true,
  environment: { SIMULATED_LOAD_MS: "20" },
};

/** Counts the templates that there are. */
class CountedHypervisor extends SimulatedHypervisor {
  readonly there = new Set<string>();
  madeCount = 0;

  constructor(limits: ConstructorParameters<typeof SimulatedHypervisor>[0] = {}) {
    super({ bootMs: 1, cloneMs: 1, ...limits });
    const original = { ...this.functionTemplates };
    const counted: FunctionTemplates = {
      make: async (...given) => {
        const template = await original.make(...given);
        this.there.add(template.id);
        this.madeCount += 1;
        return template;
      },
      remove: async (template) => {
        this.there.delete(template.id);
        await original.remove(template);
      },
    };
    Object.assign(this.functionTemplates, counted);
  }
}

describe("The template after a function's init", () => {
  let host: HostHarness;
  let hypervisor: CountedHypervisor;

  beforeEach(async () => {
    hypervisor = new CountedHypervisor();
    host = await HostHarness.start({
      makeHypervisor: () => hypervisor,
      vmCountMax: 40,
      memoryMib: 40_000,
    });
  });
  afterEach(() => host.stop());

  /** Calls it, and tells whether its VM was a clone of its own template. */
  const isRestored = async (name: string, options: AssignOptions): Promise<boolean> => {
    const { message } = await host.acquireAndInvoke(name, 1, options);
    assert.ok(message.result, JSON.stringify(message.failure));
    return host.agent.fleet.get(message.result.vmId ?? "")?.functionTemplate !== undefined;
  };
  const made = (count: number): Promise<void> =>
    host.until(`${count} templates made`, () => hypervisor.madeCount === count);

  it("is made once, when a function that declares it safe is first assigned; then nothing loads", async () => {
    const restored = [];
    for (let count = 0; count < 3; count++) {
      restored.push(await isRestored("slow", slow));
      await made(1);
      for (const vm of host.agent.fleet.all()) vm.stop("used");
      await host.until("no VM left", () => host.agent.fleet.all().length === 0);
    }
    assert.deepEqual(restored, [false, true, true]);
  });

  it("is not made for one that does not", async () => {
    await isRestored("plain", { ...slow, snapshotInit: false });
    assert.equal(hypervisor.there.size, 0);
  });

  it("is not made of an init that fails, and the call has the init's error", async () => {
    const environment = { SIMULATED_FAILURE: "load" };
    const { failure } = await host.acquireAndInvoke("broken", 1, { ...slow, environment });
    assert.equal(failure?.code, "functionError");
    assert.equal(hypervisor.there.size, 0);
  });

  it("goes when its function is deleted", async () => {
    await isRestored("slow", slow);
    await made(1);
    await host.storage.functions.delete("slow");
    await host.until("its template gone", () => hypervisor.there.size === 0);
  });

  it(`is one of ${functionTemplatesMaxCount} at most: the one used longest ago makes room`, async () => {
    for (let count = 0; count <= functionTemplatesMaxCount; count++) {
      await isRestored(`slow-${count}`, { snapshotInit: true });
      await made(count + 1);
    }
    await host.until("one gone", () => hypervisor.there.size === functionTemplatesMaxCount);
  });
});
