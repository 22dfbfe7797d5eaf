import assert from "node:assert/strict";
import { targetOf } from "./target.ts";

describe("The address of a frontend", () => {
  const good: [address: string, target: string][] = [
    ["127.0.0.1:7070", "127.0.0.1:7070"],
    ["tide.example:7070", "tide.example:7070"],
    ["[::1]:7070", "[::1]:7070"],
    ["10.0.0.1:7070, 10.0.0.2:7070", "ipv4:10.0.0.1:7070,10.0.0.2:7070"],
    ["[::1]:7070,[::2]:7070", "ipv6:[::1]:7070,[::2]:7070"],
    ["dns:///tide.example:7070", "dns:///tide.example:7070"],
  ];
  for (const [address, target] of good) {
    it(`may be ${address}`, () => assert.equal(targetOf(address), target));
  }

  for (const address of [
    "",
    "tide",
    "tide:",
    ":7070",
    "::1:7070",
    "http://tide:7070",
    "tide:99999",
  ]) {
    it(`may not be '${address}'`, () => {
      assert.throws(() => targetOf(address), { code: "invalid", message: /must be host:port/ });
    });
  }

  it("may not be a list of names", () => {
    assert.throws(() => targetOf("a:1,b:2"), { code: "invalid", message: /IP address .* not 'a'/ });
  });
});
