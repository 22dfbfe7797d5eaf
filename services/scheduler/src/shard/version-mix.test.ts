import assert from "node:assert/strict";
import {
  calledAtMsOf,
  mixOf,
  mostAskedFor,
  noteVersion,
  qualifiersKeptMax,
} from "./version-mix.ts";
import type { VersionMix } from "./version-mix.ts";

interface Seen {
  mix: VersionMix | undefined;
  calledVersion: string;
  calledAtMs: number;
}

const aState = (): Seen => ({ mix: undefined, calledVersion: "", calledAtMs: 0 });

function call(state: Seen, version: string, qualifier = "", atMs = 0): void {
  noteVersion(state, { functionName: "f", requestId: "", version, qualifier, atMs });
}

describe("The versions that calls ask for", () => {
  it("need no memory while calls name none and run one", () => {
    const state = aState();
    for (let count = 0; count < 3; count++) call(state, "1");
    assert.equal(state.mix, undefined);
    assert.equal(mostAskedFor(state.mix), "");
  });

  it("are told by the majority of the latest calls", () => {
    const state = aState();
    for (let count = 0; count < qualifiersKeptMax; count++) call(state, "1", "live");
    assert.equal(mostAskedFor(state.mix), "live");
    for (let count = 0; count < qualifiersKeptMax / 2 - 1; count++) call(state, "2");
    assert.equal(mostAskedFor(state.mix), "live");
    call(state, "2");
    assert.equal(mostAskedFor(state.mix), "");
    assert.equal(state.mix?.qualifiers.length, qualifiersKeptMax);
  });

  it("are known to the next owner, until calls ask for others", () => {
    assert.equal(mixOf(""), undefined);
    const state = { ...aState(), mix: mixOf("live") };
    assert.equal(mostAskedFor(state.mix), "live");
    call(state, "1", "live");
    call(state, "2");
    assert.equal(mostAskedFor(state.mix), "live");
  });

  it("are known with the instant of their latest call", () => {
    const state = aState();
    call(state, "1", "", 10);
    call(state, "1", "", 20);
    assert.equal(calledAtMsOf(state, "2"), undefined);
    call(state, "2", "", 30);
    assert.equal(calledAtMsOf(state, "1"), 20);
    assert.equal(calledAtMsOf(state, "2"), 30);
    call(state, "1", "", 40);
    assert.equal(calledAtMsOf(state, "2"), 30);
  });
});
