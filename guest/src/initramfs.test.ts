import assert from "node:assert/strict";
import { moduleOrder } from "./initramfs.ts";

describe("moduleOrder", () => {
  const modules = new Map(
    Object.entries({ ring: "", virtio: "ring", mmio: "virtio,ring", blk: "ring,virtio" }).map(
      ([name, depends]) => [name, Buffer.from(`license=GPL\0depends=${depends}\0name=${name}\0`)],
    ),
  );

  it("puts what a module depends on before it, each once", () => {
    assert.deepEqual(moduleOrder(modules, ["mmio", "blk"]), ["ring", "virtio", "mmio", "blk"]);
  });

  it("names a module that the kernel does not have", () => {
    assert.throws(() => moduleOrder(modules, ["squashfs"]), {
      code: "unavailable",
      message: "the guest's kernel has no plain module squashfs.ko",
    });
  });
});
