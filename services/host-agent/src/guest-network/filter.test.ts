/** That the rules keep what they promise is shown with guests, in guest-network.netns.test.ts. */
import assert from "node:assert/strict";
import { hostRules, namespaceRules } from "./filter.ts";

const reach = { denied: ["203.0.113.9"], allowed: [], resolvers: ["1.1.1.1", "8.8.8.8"] };

describe("The filter of the guests' network", () => {
  it("decides by the same rules where the sockets are and where the host forwards", () => {
    const inside = namespaceRules(reach, "eth0");
    const link = { table: "t", link: "tpg-1", guestsAddress: "169.254.208.2" };
    const decided = (rules: string): string | undefined =>
      /set denied[\s\S]*?chain decide \{[\s\S]*?\}\n/.exec(rules)?.[0];
    assert.ok(decided(inside)?.includes("elements = { 203.0.113.9 }"));
    assert.equal(decided(inside), decided(hostRules(reach, link)));
  });

  it("refuses what is denied before it lets through what is allowed", () => {
    const lines = namespaceRules(reach, "eth0").split("\n");
    const at = (text: string): number => lines.findIndex((line) => line.includes(text));
    assert.ok(at("@denied") < at("@allowed") && at("@allowed") < at("@private"));
  });

  it("replaces an earlier table in one step, so that there is no moment without", () => {
    const [first, second, third] = namespaceRules(reach, "eth0").split("\n");
    assert.deepEqual(
      [first, second, third],
      ["table inet tidepool {}", "delete table inet tidepool", "table inet tidepool {"],
    );
  });
});
