import assert from "node:assert/strict";
import { Deployed } from "./deployed.ts";

describe("Deployed", () => {
  const aDeployed = (active: string, aliased: readonly string[] = []): Deployed => {
    const deployed = new Deployed();
    deployed.note("f", { active, aliased }, 100);
    return deployed;
  };

  it("knows nothing of a function that it was not told of, and of versions that were never live", () => {
    assert.equal(aDeployed("1").standingOf("g", "1", 0).kind, "unknown");
    assert.equal(aDeployed("2").standingOf("f", "1", 0).kind, "unknown");
    assert.equal(aDeployed("2").activeOf("g"), "");
  });

  it("retires a version when another takes over, older or newer, and not one that an alias names", () => {
    const deployed = aDeployed("2", ["1"]);
    deployed.note("f", { active: "3", aliased: ["1"] }, 200);
    assert.deepEqual(deployed.standingOf("f", "2", 0), { kind: "retired", atMs: 200 });
    assert.equal(deployed.standingOf("f", "1", 0).kind, "live");
    deployed.note("f", { active: "2", aliased: [] }, 300);
    assert.equal(deployed.standingOf("f", "2", 0).kind, "live");
    assert.deepEqual(deployed.standingOf("f", "3", 0), { kind: "retired", atMs: 300 });
    assert.deepEqual(deployed.standingOf("f", "1", 0), { kind: "retired", atMs: 300 });
    assert.equal(deployed.activeOf("f"), "2");
  });

  it("keeps the instant of a retirement when the same is told again", () => {
    const deployed = aDeployed("1");
    deployed.note("f", { active: "2", aliased: [] }, 200);
    deployed.note("f", { active: "2", aliased: [] }, 900);
    assert.deepEqual(deployed.standingOf("f", "1", 0), { kind: "retired", atMs: 200 });
  });

  it("tells VMs of a deleted function from those of one made anew under its name", () => {
    const deployed = aDeployed("1");
    deployed.note("f", undefined, 200);
    assert.equal(deployed.standingOf("f", "1", 50).kind, "deleted");
    deployed.note("f", { active: "7", aliased: [] }, 210);
    assert.equal(deployed.standingOf("f", "1", 50).kind, "deleted");
    assert.equal(deployed.standingOf("f", "7", 220).kind, "live");
  });
});
