import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { memoryUses } from "../qemu/machine.ts";
import type { LibvirtClient } from "./libvirt-client.ts";
import { rejoinDomain, startDomain } from "./start-domain.ts";

const remote = { name: "tidepool.h.vm", uuid: Buffer.alloc(16), id: 1 };
const paths = { kernelPath: "/k", initrdPath: "/i", rootfsPath: "/r", logPath: "/l" };
const machine = {
  accelerator: "tcg",
  image: { hash: "0", ...paths },
  config: { runtime: "nodejs20", memoryMib: 128 },
  tscKhz: 1,
} as const;

/** Of libvirt what it says of a QEMU that never connects its channels. */
function aClient(onAsked: () => void): LibvirtClient {
  return {
    createDomain: () => Promise.resolve(remote).finally(onAsked),
    resume: () => Promise.resolve().finally(onAsked),
    monitorCommand: () => Promise.resolve({}),
  } as unknown as LibvirtClient;
}

describe("A domain whose QEMU never connects", () => {
  let dir: string;
  let abort: AbortController;

  beforeEach(async () => {
    dir = await mkdtemp(join(tmpdir(), "tp-"));
    abort = new AbortController();
  });
  afterEach(() => rm(dir, { recursive: true }));

  it("is waited for no longer than its starter waits", async () => {
    const statePath = join(dir, "state");
    await writeFile(statePath, "");
    const directory = join(dir, "vm");
    const starting = startDomain({
      client: aClient(() => setImmediate(() => abort.abort())),
      name: remote.name,
      uuid: randomUUID(),
      directory,
      owner: "0123",
      qemuUser: undefined,
      machine,
      bootId: "0",
      files: { ramPath: join(dir, "ram"), statePath },
      memoryUse: memoryUses.clone,
      slowly: (work) => work(),
      onCreated: () => assert.fail("it has no channels"),
      signal: abort.signal,
    });
    await assert.rejects(starting, { code: "unavailable" });
    assert.deepEqual(await readdir(directory), [], "no socket is left");
  });

  it("is waited for no longer than who adopts it waits", async () => {
    const client = aClient(() => setImmediate(() => abort.abort()));
    const options = { directory: dir, qemuUser: undefined, signal: abort.signal };
    await assert.rejects(rejoinDomain(client, remote, options), { code: "unavailable" });
    assert.deepEqual(await readdir(dir), [], "no socket is left");
  });
});
