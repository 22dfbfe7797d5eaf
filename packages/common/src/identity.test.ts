import assert from "node:assert/strict";
import { identityIn, identityOf, isIdentityOf } from "./identity.ts";

describe("The identity of a process", () => {
  const names = `DNS:${identityOf({ id: "h-1", service: "host" })}, IP Address:10.0.0.7, DNS:h1.example.com`;

  it("is found among the names of its certificate", () => {
    assert.equal(isIdentityOf("host", names), true);
    assert.equal(isIdentityOf("frontend", names), false);
    assert.equal(isIdentityOf("host", ""), false);
  });

  it("is read out of those names, with the service", () => {
    assert.deepEqual(identityIn(names), { id: "h-1", service: "host" });
    assert.equal(identityIn("DNS:h1.example.com, IP Address:10.0.0.7"), undefined);
    assert.equal(identityIn("DNS:h-1.host.tidepool.example.com"), undefined);
  });

  it("is a whole name and a DNS name, not a part of another", () => {
    assert.equal(isIdentityOf("host", "DNS:h-1.host.tidepool.example.com"), false);
    assert.equal(isIdentityOf("host", "DNS:host.tidepool"), false);
    assert.equal(isIdentityOf("host", "URI:h-1.host.tidepool"), false);
    assert.equal(isIdentityOf("host", "DNS:.host.tidepool"), false);
  });
});
