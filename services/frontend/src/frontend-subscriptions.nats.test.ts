/** Messages of NATS and JetStream become calls, through frontends on a real server. */
import assert from "node:assert/strict";
import { headers } from "@nats-io/nats-core";
import { jetstream, jetstreamManager } from "@nats-io/jetstream";
import { until } from "@tidepool/actors/testing";
import { tidepoolService } from "@tidepool/proto";
import type { tidepool } from "@tidepool/proto";
import { failed } from "./testing/a-client.ts";
import type { TestClient } from "./testing/a-client.ts";
import { aFrontend } from "./testing/a-frontend.ts";
import type { TestFrontend } from "./testing/a-frontend.ts";

type Settings = tidepool.v1.SubscriptionSettings.$Properties;
type Event = Record<string, unknown>;
const { putSubscription, listSubscriptions, deleteSubscription } = tidepoolService;

describe("Subscriptions of frontends", () => {
  let test: TestFrontend;
  let client: TestClient;
  const put = (name: string, settings: Settings) =>
    client.call(putSubscription, { name, settings: { functionName: "job", ...settings } });
  const events = (): Event[] =>
    test.host.calls.map(({ payload }) => JSON.parse(payload.toString()) as Event);
  const publish = (subject: string, data: string | Uint8Array, header?: [string, string]): void => {
    const sent = headers();
    if (header !== undefined) sent.set(...header);
    test.bus.connection.publish(subject, data, { headers: sent });
  };
  const drop = async (name: string): Promise<void> => {
    await client.call(deleteSubscription, { name });
  };

  before(async () => {
    test = await aFrontend();
    client = test.client;
    await test.aWarmFunction("job", 8);
    await test.aSecondFrontend();
  });
  after(() => test.stop());
  beforeEach(() => (test.host.calls.length = 0));

  it("make one call of each message of a subject, as a CloudEvent", async () => {
    await put("orders", { subject: "orders.*" });
    await until(async () => {
      publish("orders.probe", "");
      await test.bus.connection.flush();
      return events().some(({ subject }) => subject === "orders.probe");
    });
    for (let n = 0; n < 20; n += 1) publish("orders.new", `{"n":${n}}`);
    const ours = (): Event[] => events().filter(({ subject }) => subject === "orders.new");
    await until(() => ours().length >= 20);
    const [first] = ours();
    assert.equal(first?.["specversion"], "1.0");
    assert.equal(first?.["source"], "/tidepool/subscriptions/orders");
    assert.equal(first?.["type"], "tidepool.message");
    assert.equal(first?.["datacontenttype"], "application/json");
    const seen = ours().map(({ data }) => (data as { n: number }).n);
    assert.deepEqual(
      seen.toSorted((a, b) => a - b),
      Array.from({ length: 20 }, (_, n) => n),
    );
    publish("orders.text", "ü, no JSON");
    publish("orders.bytes", new Uint8Array([255, 0]));
    await until(() => events().some(({ data_base64 }) => data_base64 === "/wA="));
    await until(() => events().some(({ data }) => data === "ü, no JSON"));
    await drop("orders");
  });

  it("make one call of each message of a stream, and none again after a restart of NATS", async () => {
    const manager = await jetstreamManager(test.bus.connection);
    await manager.streams.add({ name: "ORDERS", subjects: ["shop.>"] });
    const js = jetstream(test.bus.connection);
    for (let n = 0; n < 5; n += 1) await js.publish("shop.early", `${n}`);
    await put("shop", { stream: { stream: "ORDERS", fromStart: true, filterSubject: "shop.>" } });
    await until(() => test.host.calls.length >= 5);
    await test.restartNats(() => Promise.resolve());
    for (let n = 5; n < 30; n += 1) await js.publish("shop.late", `${n}`);
    const seen = (): unknown[] => events().map(({ data }) => data);
    await until(() => new Set(seen()).size === 30);
    await until(async () => {
      const { subscriptions = [] } = await client.call(listSubscriptions, {});
      return subscriptions.every(({ pending }) => pending === 0);
    });
    assert.equal(seen().length, 30);
    await drop("shop");
  });

  it("begin with what comes from now on, unless they are to begin at the start", async () => {
    const manager = await jetstreamManager(test.bus.connection);
    await manager.streams.add({ name: "NEWS", subjects: ["news"] });
    const js = jetstream(test.bus.connection);
    await js.publish("news", "1");
    await put("news", { stream: { stream: "NEWS" } });
    await js.publish("news", "2");
    await until(() => events().some(({ data }) => data === 2));
    assert.ok(!events().some(({ data }) => data === 1));
    await drop("news");
  });

  it("keep messages of a stream while they are paused, and count them", async () => {
    const manager = await jetstreamManager(test.bus.connection);
    await manager.streams.add({ name: "HELD", subjects: ["held"] });
    await put("held", { stream: { stream: "HELD" }, isPaused: true });
    const js = jetstream(test.bus.connection);
    for (let n = 0; n < 3; n += 1) await js.publish("held", `${n}`);
    const { subscriptions = [] } = await client.call(listSubscriptions, { functionName: "job" });
    assert.equal(subscriptions.find(({ name }) => name === "held")?.pending, 3);
    assert.equal(test.host.calls.length, 0);
    await put("held", { stream: { stream: "HELD" } });
    await until(() => test.host.calls.length === 3);
    await drop("held");
  });

  it("say why they do not run, and run again when they can", async () => {
    const manager = await jetstreamManager(test.bus.connection);
    const stream = { name: "COMES", subjects: ["comes"] };
    await manager.streams.add(stream);
    await put("comes", { stream: { stream: "COMES" } });
    const problem = async (): Promise<string> => {
      const { subscriptions = [] } = await client.call(listSubscriptions, {});
      return subscriptions.find(({ name }) => name === "comes")?.problem ?? "gone";
    };
    await until(async () => (await problem()) === "");
    await manager.streams.delete("COMES");
    await until(async () => /stream/.test(await problem()));
    await manager.streams.add(stream);
    await until(async () => (await problem()) === "");
    await jetstream(test.bus.connection).publish("comes", '"again"');
    await until(() => events().some(({ data }) => data === "again"));
    await drop("comes");
  });

  it("end a circle of destinations", async () => {
    await put("circle", { subject: "circle" });
    await until(async () => {
      publish("circle", "probe");
      await test.bus.connection.flush();
      return test.host.calls.length > 0;
    });
    test.host.calls.length = 0;
    publish("circle", "at the limit", ["tidepool-hops", "16"]);
    publish("circle", "beyond", ["tidepool-hops", "17"]);
    await until(() => events().some(({ data }) => data === "at the limit"));
    await until(async () => {
      const { subscriptions = [] } = await client.call(listSubscriptions, {});
      const told = subscriptions.find(({ name }) => name === "circle")?.problem ?? "";
      return told === "" || told.includes("the limit is 16");
    });
    assert.ok(!events().some(({ data }) => data === "beyond"));
    await drop("circle");
  });

  for (const [what, settings, words] of [
    ["nothing that is listened to", {}, /one of subject and stream/],
    ["Tidepool's own subjects", { subject: "tidepool.v1.>" }, /keep for themselves/],
    ["NATS's own subjects", { subject: "$JS.API.>" }, /keep for themselves/],
    ["inboxes", { subject: "_INBOX.>" }, /keep for themselves/],
    ["all subjects", { subject: ">" }, /a token of its own/],
    ["a wildcard that Tidepool's match too", { subject: "*.v1.>" }, /a token of its own/],
    ["a broken subject", { subject: "a..b" }, /tokens between dots/],
    ["a wildcard in the middle", { subject: "a.>.b" }, /tokens between dots/],
    ["a stream of Tidepool's", { stream: { stream: "TIDEPOOL_CALLS" } }, /Tidepool's own/],
    ["a bucket of Tidepool's", { stream: { stream: "KV_tidepool_leases" } }, /Tidepool's own/],
  ] as const satisfies readonly (readonly [string, Settings, RegExp])[]) {
    it(`are refused with ${what}`, async () => {
      const { code, message } = await failed(put("s", settings));
      assert.equal(code, "invalid");
      assert.match(message ?? "", words);
    });
  }

  it("are refused for a stream or a function that is not there", async () => {
    assert.equal((await failed(put("s", { stream: { stream: "NONE" } }))).code, "notFound");
    const nobody = put("s", { functionName: "nobody", subject: "a" });
    assert.equal((await failed(nobody)).code, "notFound");
    assert.equal((await failed(drop("unknown"))).code, "notFound");
  });
});
