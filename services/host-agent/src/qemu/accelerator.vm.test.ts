import assert from "node:assert/strict";
import { mkdtemp, readFile, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { ensureGuestImage } from "@tidepool/guest";
import type { GuestImage } from "@tidepool/guest";
import { chooseAccelerator, kvmProbeMaxMs } from "./accelerator.ts";

describe("chooseAccelerator", () => {
  let cacheDir: string;
  let image: GuestImage;

  before(async () => {
    image = await ensureGuestImage({ runtime: "nodejs20" });
  });
  beforeEach(async () => {
    cacheDir = await mkdtemp(join(tmpdir(), "tidepool-probe-"));
  });
  afterEach(async () => {
    await rm(cacheDir, { recursive: true });
  });

  it("takes TCG where there is no device, and says so", async () => {
    const choice = await chooseAccelerator(image, { cacheDir, devicePath: "/dev/no-such-kvm" });
    assert.deepEqual(choice, { accelerator: "tcg", reason: "/dev/no-such-kvm does not exist" });
  });

  it("decides within the deadline, and leaves only its verdict", async () => {
    const startedAtMs = Date.now();
    const choice = await chooseAccelerator(image, { cacheDir });
    assert.ok(Date.now() - startedAtMs < kvmProbeMaxMs + 20_000);
    assert.match(choice.reason, /KVM|kvm/);
    const left = await readdir(cacheDir, { recursive: true });
    assert.deepEqual(
      left.filter((name) => !name.endsWith(".json") && name !== "probes"),
      [],
    );
  });

  it("never takes KVM for an image that does not boot", async () => {
    const broken = { ...image, hash: "broken", rootfsPath: image.kernelPath };
    assert.equal((await chooseAccelerator(broken, { cacheDir })).accelerator, "tcg");
  });

  it("keeps its verdict", async () => {
    const first = await chooseAccelerator(image, { cacheDir });
    const [file] = await readdir(join(cacheDir, "probes")).catch(() => []);
    if (file === undefined) return; // no device: nothing to keep
    const path = join(cacheDir, "probes", file);
    assert.deepEqual(JSON.parse(await readFile(path, "utf8")), first);
    const kept = { accelerator: "kvm", reason: "kept" };
    await writeFile(path, JSON.stringify(kept));
    assert.deepEqual(await chooseAccelerator(image, { cacheDir }), kept);
  });
});
