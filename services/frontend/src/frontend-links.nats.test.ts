/** What a frontend does about hosts whose connection is cut, or broke, while NATS still hears of them. */
import assert from "node:assert/strict";
import { until } from "@tidepool/actors/testing";
import { failed } from "./testing/a-client.ts";
import { aFrontend } from "./testing/a-frontend.ts";
import type { TestFrontend } from "./testing/a-frontend.ts";
import { aHost } from "./testing/a-host.ts";
import type { TestHost } from "./testing/a-host.ts";
import { aLink } from "./testing/a-link.ts";
import type { TestLink } from "./testing/a-link.ts";

/** A stream that is cut breaks after 4 s; the rest is for slow machines. */
const brokenMaxMs = 30_000;

describe("A frontend that is cut off from a host", function () {
  this.timeout(90_000);
  let test: TestFrontend;
  let link: TestLink;
  let elsewhere: TestHost;
  let functionCount = 0;

  /** A function with an idle VM on the host, which answers over the link. */
  const aFunction = async (): Promise<string> => {
    const name = `f-${++functionCount}`;
    await test.aWarmFunction(name, 1);
    tell(name);
    await test.bus.connection.flush();
    return name;
  };
  const tell = (name: string): void => test.host.beat(test.bus, name, "1", 1, link.address);
  /** How the hosts to avoid were named when VMs were last acquired. */
  const avoided = (): readonly string[] => test.acquires.at(-1)?.avoidHostIds ?? [];

  beforeEach(async () => {
    test = await aFrontend();
    test.host.serveStreamEnds(test.bus);
    link = await aLink(test.host.address);
    test.acquired = elsewhere = await aHost("h-2");
  });
  afterEach(async () => {
    link.stop();
    elsewhere.stop();
    await test.stop();
  });

  it("takes its idle VMs no more, and names it to the scheduler, until it answers again", async () => {
    const name = await aFunction();
    await test.client.invoke(name, 1);
    assert.equal(test.acquires.length, 0);
    link.cut();
    // Whoever comes first waits in vain, until the host is known to be quiet.
    const first = test.client.invoke(name, 2);
    await until(async () => {
      tell(name);
      await test.bus.connection.flush();
      await test.client.invoke(name, 3);
      return avoided().includes("h-1");
    }, brokenMaxMs);
    await first;
    link.mend();
    const asked = (): number => test.acquires.length;
    await until(async () => {
      tell(name);
      await test.bus.connection.flush();
      const before = asked();
      await test.client.invoke(name, 4);
      return asked() === before;
    }, brokenMaxMs);
  });

  it("brings a call elsewhere that had not come to the host when the stream broke", async () => {
    const name = await aFunction();
    await test.client.invoke(name, 1);
    link.cut();
    const answer = await test.client.invoke(name, 2);
    assert.equal(answer.hostId, "h-2");
    assert.deepEqual(avoided(), ["h-1"]);
    assert.equal(test.host.calls.length, 1);
  });

  it("never repeats a call that had come to the host", async () => {
    const name = await aFunction();
    await test.client.invoke(name, 1);
    test.host.react = () => link.cut();
    const failure = await failed(test.client.invoke(name, 2));
    assert.equal(failure.code, "unavailable");
    assert.equal(failure.reason, "hostLost");
    assert.equal(test.host.calls.length, 2);
    assert.equal(elsewhere.calls.length, 0);
  });
});
