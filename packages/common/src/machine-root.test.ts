import assert from "node:assert/strict";
import { isAlone, isMachineRoot } from "./machine-root.ts";

describe("isMachineRoot", () => {
  it("is not the root of a namespace that one ordinary user has for itself", () => {
    assert.equal(isAlone("         0       1000          1\n"), true);
    assert.equal(isAlone("         0          0 4294967295\n"), false, "the machine's");
    assert.equal(isAlone("         0     100000      65536\n"), false, "a container's");
    assert.equal(isAlone("         0       1000          1\n     1     100000  65536\n"), false);
  });

  it("is no ordinary user", () => {
    if (process.geteuid?.() !== 0) assert.equal(isMachineRoot(), false);
  });
});
