import assert from "node:assert/strict";
import { nextBatch, planOf, processesAtOnce } from "./batches.ts";
import { sourceFiles } from "./repository.ts";

describe("The plan of a test run", () => {
  const files = ["packages", "services", "test"].flatMap((room) => sourceFiles(room, [".test.ts"]));
  const { first, together, last } = planOf(files);

  it("has each file once", () => {
    const planned = [...first, ...together.flatMap((batch) => batch.files), ...last];
    assert.deepEqual(planned.toSorted(), files.toSorted());
  });

  it("leaves the machine to what needs nothing, and to clusters", () => {
    assert.ok(first.every((file) => !/\.(nats|netns|vm|libvirt)\./.test(file)));
    assert.ok(last.length > 0 && last.every((file) => file.endsWith(".netns.test.ts")));
  });

  it("never boots the VMs of two processes at once, and lets none wait while it may begin", () => {
    const vms = together.filter(({ bootsVms }) => bootsVms);
    const others = together.filter(({ bootsVms }) => !bootsVms);
    assert.ok(vms.every((batch) => batch.files.every((file) => /\.(vm|libvirt)\./.test(file))));
    assert.ok(others.every((batch) => batch.files.every((file) => file.includes(".nats."))));
    assert.equal(nextBatch(together, []), vms[0]);
    assert.equal(nextBatch(together.slice(1), vms.slice(0, 1)), others[0]);
    assert.equal(nextBatch(vms.slice(1), vms.slice(0, 1)), undefined);
    assert.equal(nextBatch(vms.slice(1), others.slice(0, 1)), vms[1]);
    assert.equal(nextBatch([], []), undefined);
  });

  it("runs no more processes at once than there are cores, and one at least", () => {
    assert.deepEqual([0, 1, 2, 4, 64].map(processesAtOnce), [1, 1, 2, 3, 3]);
  });
});
