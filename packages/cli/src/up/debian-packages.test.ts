import assert from "node:assert/strict";
import { firstTrouble, hintOf, percentOf } from "./debian-packages.ts";

describe("Debian packages", () => {
  it("tell how far apt is, and nothing by other lines", () => {
    assert.equal(percentOf("dlstatus:1:50.0:Retrieving file 1 of 2"), 25);
    assert.equal(percentOf("pmstatus:nats-server:40.0000:Installing nats-server (amd64)"), 70);
    assert.equal(percentOf("Setting up nats-server (2.9.10-1+b3) ..."), undefined);
    assert.equal(percentOf("pmstatus:nats-server:soon:"), undefined);
  });

  it("tell the first complaint of a failed install, with what led to it, not the last", () => {
    const lines = [
      "Setting up nats-server (2.9.10-1+b3) ...",
      "Unable to flush stdout: Bad file descriptor",
      "dpkg: error processing package nats-server (--configure):",
      " installed nats-server package post-installation script subprocess returned error exit status 1",
      "pmerror:nats-server:60.0000:post-installation script returned error exit status 1",
      ...Array.from({ length: 40 }, (_, index) => `dpkg: error processing package other-${index}`),
    ];
    const told = firstTrouble(lines);
    assert.equal(told[0], "Unable to flush stdout: Bad file descriptor");
    assert.match(told[2] ?? "", /post-installation script/);
    assert.equal(told.length, 8);
  });

  it("tell where a package is that this release does not have", () => {
    const lines = ["Reading state information...", "E: Unable to locate package nats-server"];
    assert.match(hintOf(lines), /Debian 12 and Ubuntu 24.04/);
    assert.match(hintOf(["E: Failed to fetch http://deb.debian.org/debian"]), /network/);
  });

  it("tell the last lines of a failure without a complaint", () => {
    assert.deepEqual(firstTrouble(["a", "", "b"]), ["a", "b"]);
    assert.deepEqual(firstTrouble([]), []);
  });
});
