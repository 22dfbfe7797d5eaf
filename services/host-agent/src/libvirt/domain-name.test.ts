import assert from "node:assert/strict";
import { DomainNames } from "./domain-name.ts";

describe("DomainNames", () => {
  const names = new DomainNames("host-1");

  it("finds the VM in a name that it gave", () => {
    assert.equal(names.vmIdIn(names.ofVm("vm-7")), "vm-7");
  });

  it("takes no template, no stranger and no host with a longer name for a VM of its own", () => {
    const others = [
      names.ofTemplate("0123"),
      new DomainNames("host").ofVm("1-vm"),
      new DomainNames("host-12").ofVm("vm-7"),
      "tidepool.host-1.",
      "someone-elses",
    ];
    assert.deepEqual(
      others.map((name) => names.vmIdIn(name)),
      others.map(() => undefined),
    );
  });

  for (const id of ["", "a.b", "../a", "a/b", "x".repeat(65)])
    it(`refuses '${id}' as an id`, () => {
      assert.throws(() => names.ofVm(id), { code: "invalid" });
      assert.throws(() => new DomainNames(id), { code: "invalid" });
    });
});
