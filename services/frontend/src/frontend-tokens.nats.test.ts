/** Every method, asked without a token, with a wrong and a revoked one, by too small a role, and by another tenant. */
import assert from "node:assert/strict";
import { until } from "@tidepool/actors/testing";
import { makeToken } from "@tidepool/common";
import { healthService, subjects, tidepool, tidepoolService } from "@tidepool/proto";
import { isForAdmins, ruleOf, rules } from "./door/rules.ts";
import type { Operation } from "./door/rules.ts";
import type { Role } from "./door/roles.ts";
import { failed, failureOf, TestClient } from "./testing/a-client.ts";
import { aFrontend } from "./testing/a-frontend.ts";
import { ask } from "./testing/ask.ts";
import type { TestFrontend } from "./testing/a-frontend.ts";
import { anArchive } from "./testing/an-archive.ts";

const service = tidepoolService;
const settings = { runtime: "nodejs20", handler: "index.handler" };
const everyRole: readonly Role[] = ["admin", "deployer", "invoker", "viewer"];
const value = Buffer.from("v");

describe("Frontend with tokens", () => {
  const adminToken = makeToken().text;
  let test: TestFrontend;
  const callers = new Map<Role, TestClient>();
  /** Deployers of two tenants. */
  let red: TestClient;
  let blue: TestClient;
  const clients: TestClient[] = [];
  const aClient = (token?: string): TestClient => {
    const client = new TestClient(test.address, token);
    clients.push(client);
    return client;
  };
  const as = (role: Role): TestClient => {
    const client = callers.get(role);
    assert.ok(client !== undefined);
    return client;
  };

  before(async () => {
    test = await aFrontend(adminToken);
    for (const role of everyRole) callers.set(role, (await test.aCaller("red", role)).client);
    red = as("deployer");
    blue = (await test.aCaller("blue", "deployer")).client;
    await red.call(service.createFunction, { name: "orders", settings });
    await red.upload("orders", [anArchive(["index.js"])]);
    await red.call(service.putSecret, { name: "key", value });
    const target = { functionName: "orders" };
    await red.call(service.putSchedule, {
      name: "nightly",
      settings: { ...target, cron: "0 0 3 * * *" },
    });
    await red.call(service.putSubscription, {
      name: "feed",
      settings: { ...target, subject: "red.orders" },
    });
    await red.call(service.putAlias, {
      functionName: "orders",
      alias: { name: "live", version: "1" },
    });
    await red.call(service.invokeAsync, {
      name: "orders",
      requestId: "order-1",
      delayMs: 3_600_000,
    });
    test.host.beat(test.bus, "red=orders", "1", 1);
    await test.bus.connection.flush();
  });
  after(async () => {
    for (const client of clients) client.grpc.close();
    await test.stop();
  });

  it("has a rule for each method, and no other", () => {
    const methods = Object.values(service).map(({ path }) => path.split("/")[2]);
    assert.deepEqual(Object.keys(rules).sort(), methods.sort());
  });

  for (const operation of Object.keys(rules) as Operation[]) {
    describe(operation, () => {
      for (const [kind, token, reason] of [
        ["no token", undefined, "tokenMissing"],
        ["a wrong token", makeToken().text, "tokenInvalid"],
        ["what is no token", "secret", "tokenInvalid"],
      ] as const) {
        it(`is refused with ${kind}`, async () => {
          const failure = await failed(ask(aClient(token), operation, {}));
          assert.equal(failure.code, "unauthenticated");
          assert.equal(failure.reason, reason);
        });
      }

      const refused = everyRole.filter((role) => !ruleOf(operation).roles.includes(role));
      for (const role of refused) {
        it(`is forbidden to the role '${role}'`, async () => {
          assert.equal((await failed(ask(as(role), operation, {}))).code, "forbidden");
        });
      }

      for (const role of everyRole.filter((each) => !refused.includes(each))) {
        it(`is open to the role '${role}'`, async () => {
          if (ruleOf(operation).list || /^(Watch|Get(Logs|Usage))/.test(operation)) return;
          if (ruleOf(operation).isForOperators) return;
          const error = await ask(as(role), operation, {}).then(
            () => undefined,
            (thrown: unknown) => failureOf(thrown).code,
          );
          assert.ok(error !== "unauthenticated" && error !== "forbidden", error);
        });
      }
    });
  }

  describe("keeps tenants apart", () => {
    const name = "orders";
    const functionName = name;
    const requestId = "order-1";
    const foreign: readonly (readonly [Operation, object])[] = [
      ["UpdateFunction", { name, settings }],
      ["GetFunction", { name }],
      ["DeleteFunction", { name }],
      ["UploadCode", { name }],
      ["ListVersions", { name }],
      ["ActivateVersion", { name, version: "1" }],
      ["PutAlias", { functionName, alias: { name: "a", version: "1" } }],
      ["ListAliases", { functionName }],
      ["DeleteAlias", { functionName, name: "live" }],
      ["DeleteSecret", { name: "key" }],
      ["Invoke", { name }],
      ["InvokeStream", { name }],
      ["InvokeAsync", { name }],
      ["GetInvocation", { requestId }],
      ["CancelInvocation", { requestId }],
      ["PutSchedule", { name: "s", settings: { functionName, cron: "0 0 3 * * *" } }],
      ["GetSchedule", { name: "nightly" }],
      ["DeleteSchedule", { name: "nightly" }],
      ["PutSubscription", { name: "s", settings: { functionName, subject: "blue.x" } }],
      ["DeleteSubscription", { name: "feed" }],
      ["GetForecast", { name }],
      ["GetLogs", { name }],
      ["ExplainCall", { requestId }],
      ["GetTenant", { name: "red" }],
    ];
    for (const [operation, request] of foreign) {
      it(`finds nothing of another's in ${operation}, as if there were none`, async () => {
        const asked = operation === "DeleteSecret" ? ask(blue, "ListSecrets", {}) : undefined;
        if (asked !== undefined) {
          await ask(blue, operation, request).catch(() => {});
          const { secrets } = (await ask(red, "ListSecrets", {})) as { secrets: object[] };
          assert.equal(secrets.length, 1);
          return;
        }
        const failure = await failed(ask(blue, operation, request));
        assert.equal(failure.code, "notFound", failure.message);
        const unheardOf = JSON.parse(
          JSON.stringify(request).replaceAll(/orders|order-1|nightly|feed|red/g, "nothing"),
        ) as object;
        const other = await failed(ask(blue, operation, unheardOf));
        assert.equal(
          failure.message.replaceAll(/orders|order-1|nightly|feed|red/g, "nothing"),
          other.message,
        );
      });
    }

    for (const [operation, field] of [
      ["ListFunctions", "functions"],
      ["ListSecrets", "secrets"],
      ["ListSchedules", "schedules"],
      ["ListSubscriptions", "subscriptions"],
      ["ListDeadLetters", "letters"],
    ] as const) {
      it(`lists nothing of another's in ${operation}`, async () => {
        for (const client of [blue, test.client]) {
          const answer = (await ask(client, operation, {})) as Record<string, unknown[]>;
          assert.deepEqual(answer[field] ?? [], []);
        }
      });
    }

    it("lists one's own by the names that one gave", async () => {
      const { functions } = await red.call(service.listFunctions, {});
      assert.deepEqual(
        functions?.map(({ name: own, tenant }) => [own, tenant]),
        [["orders", "red"]],
      );
      const { schedules } = await red.call(service.listSchedules, { functionName });
      assert.deepEqual(
        schedules?.map((each) => [each.name, each.settings?.functionName]),
        [["nightly", "orders"]],
      );
      const { subscriptions } = await red.call(service.listSubscriptions, {});
      assert.deepEqual(
        subscriptions?.map((each) => each.name),
        ["feed"],
      );
      const { versions } = await red.call(service.listVersions, { name });
      assert.equal(versions?.[0]?.functionName, "orders");
    });

    it("lets two tenants have the same names", async () => {
      await blue.call(service.createFunction, { name, settings: { ...settings, memoryMib: 256 } });
      await blue.call(service.putSecret, { name: "key", value });
      const own = await blue.call(service.getFunction, { name });
      assert.equal(own.settings?.memoryMib, 256);
      assert.notEqual((await red.call(service.getFunction, { name })).settings?.memoryMib, 256);
      await blue.call(service.deleteFunction, { name });
      await blue.call(service.deleteSecret, { name: "key" });
      assert.equal((await red.call(service.getFunction, { name })).name, name);
    });

    it("calls one's own function, under an id of one's own", async () => {
      const answer = await as("invoker").call(service.invoke, {
        name,
        payload: Buffer.from("1"),
        requestId: "call-1",
      });
      assert.equal(answer.requestId, "call-1");
      assert.equal(test.host.calls.at(-1)?.start.requestId, "red=call-1");
    });

    it("tells of one's own accepted call, and of none by the same id to others", async () => {
      const own = await red.call(service.getInvocation, { requestId });
      assert.deepEqual([own.requestId, own.functionName], [requestId, "orders"]);
      await blue.call(service.createFunction, { name: "mine", settings });
      await blue.upload("mine", [anArchive(["index.js"])]);
      const wish = { name: "mine", requestId, delayMs: 3_600_000 };
      const accepted = await blue.call(service.invokeAsync, wish);
      assert.deepEqual([accepted.requestId, accepted.isDuplicate], [requestId, false]);
    });

    it("reads no key of another tenant's out of a name", async () => {
      for (const client of [test.client, blue]) {
        for (const [operation, request] of [
          ["GetFunction", { name: "red=orders" }],
          ["Invoke", { name: "red=orders" }],
          ["GetInvocation", { requestId: "red=order-1" }],
          ["DeleteSchedule", { name: "red=nightly" }],
          ["CreateFunction", { name: "x", settings: { ...settings, secrets: { A: "red=key" } } }],
          [
            "CreateFunction",
            {
              name: "x",
              settings: { ...settings, async: { onSuccess: { function: "red=orders" } } },
            },
          ],
          ["PurgeDeadLetters", { requestIds: ["red=order-1"] }],
        ] as const) {
          assert.equal((await failed(ask(client, operation, request))).code, "invalid", operation);
        }
      }
    });

    it("gives each tenant the NATS subjects that begin with its name, and no others", async () => {
      const put = (source: object): Promise<unknown> =>
        ask(blue, "PutSubscription", { name: "s", settings: { functionName: "mine", ...source } });
      for (const source of [
        { subject: "red.orders" },
        { subject: "blue" },
        { stream: { stream: "ORDERS" } },
        { stream: { stream: "ORDERS", filterSubject: "red.>" } },
      ]) {
        const failure = await failed(put(source));
        assert.equal(failure.code, "invalid");
        assert.match(failure.message, /begins? with 'blue\.'/);
      }
      const asynchronous = { onSuccess: { subject: "red.orders" } };
      const changed = { name: "mine", settings: { ...settings, async: asynchronous } };
      assert.equal((await failed(blue.call(service.updateFunction, changed))).code, "invalid");
    });

    it("throttles each tenant by its own limits", async () => {
      const limits = { concurrencyMax: 0 };
      await test.client.call(service.updateTenant, { name: "red", settings: limits });
      const refused = async (): Promise<boolean> =>
        ask(red, "Invoke", { name }).then(
          () => false,
          (thrown: unknown) => failureOf(thrown).reason === "tenantConcurrency",
        );
      await until(refused);
      await test.client.call(service.updateTenant, { name: "red", settings: {} });
      await until(async () => !(await refused()));
    });

    it("tells only one's own usage", async () => {
      const tell = (functionOf: string): Promise<unknown> => {
        const record = { functionName: functionOf, tenant: "x", id: functionOf, calls: 1 };
        const bytes = tidepool.v1.UsageRecord.encode(record).finish();
        return test.bus.connection.request(subjects.usage(functionOf), bytes);
      };
      await tell("red=orders");
      await tell("plain");
      const names = async (client: TestClient): Promise<unknown[]> => {
        const found: unknown[] = [];
        const records = client.stream(service.getUsage, {}) as AsyncIterable<{
          functionName: string;
        }>;
        for await (const { functionName: told } of records) found.push(told);
        return [...new Set(found)];
      };
      assert.deepEqual(await names(red), ["orders"]);
      assert.deepEqual(await names(test.client), ["plain"]);
    });
  });

  it("refuses a revoked token at once in every method, and ends its streams", async () => {
    const { client, id } = await test.aCaller("red", "viewer");
    assert.equal((await client.call(service.getFunction, { name: "orders" })).name, "orders");
    const stream = client.stream(service.getLogs, { follow: true });
    const ended = new Promise((resolve) => stream.once("error", resolve));
    stream.resume();
    await test.client.call(service.revokeToken, { id });
    assert.equal(failureOf(await ended).code, "unauthenticated");
    for (const operation of Object.keys(rules) as Operation[]) {
      const failure = await failed(ask(client, operation, {}));
      assert.equal(failure.code, "unauthenticated", operation);
    }
  });

  for (const [what, lifetimeMs, says] of [
    ["is revoked", 0, /revoked/],
    ["expires", 3_000, /expired/],
  ] as const) {
    it(`ends what is open when its token ${what}, a streamed answer too, and tells the host`, async () => {
      const wish = { tenant: "red", role: tidepool.v1.Role.ROLE_DEPLOYER, lifetimeMs };
      const { token, text = "" } = await test.client.call(service.createToken, wish);
      const client = aClient(text);
      const react = test.host.react;
      const begun = new Promise<void>((resolve) => (test.host.react = () => resolve()));
      const cancelCount = test.host.cancelled.length;
      const endOf = (stream: ReturnType<TestClient["stream"]>): Promise<unknown> =>
        new Promise((resolve) => stream.once("error", resolve).resume());
      const ends = [
        client.stream(service.invokeStream, { name: "orders", payload: Buffer.from("1") }),
        client.stream(service.getLogs, { follow: true }),
      ].map(endOf);
      await begun;
      if (lifetimeMs === 0) await test.client.call(service.revokeToken, { id: token?.id ?? "" });
      for (const end of await Promise.all(ends)) {
        const failure = failureOf(end);
        assert.deepEqual([failure.code, failure.reason], ["unauthenticated", "tokenInvalid"]);
        assert.match(failure.message, says);
      }
      await until(() => test.host.cancelled.length === cancelCount + 1);
      test.host.react = react;
    });
  }

  it("refuses a token revoked at another frontend", async () => {
    const other = await test.aSecondFrontend();
    const { client, id } = await test.aCaller("red", "viewer");
    await client.call(service.getFunction, { name: "orders" });
    await other.call(service.revokeToken, { id });
    await until(() =>
      client.call(service.getFunction, { name: "orders" }).then(
        () => false,
        (thrown: unknown) => failureOf(thrown).code === "unauthenticated",
      ),
    );
  });

  it("lists tokens with the day of their last use, and stores no token", async () => {
    const { id, token, client } = await test.aCaller("green", "viewer");
    await client.call(service.listFunctions, {});
    const today = new Date().toISOString().slice(0, 10);
    await until(async () => {
      const { tokens } = await test.client.call(service.listTokens, { tenant: "green" });
      return tokens?.some((each) => each.id === id && each.lastUsedOn === today) ?? false;
    });
    const { Kvm } = await import("@nats-io/kv");
    const bucket = await new Kvm(test.bus.connection).open(subjects.buckets.tokens);
    const entry = await bucket.get(id);
    assert.ok(entry !== null && !Buffer.from(entry.value).includes(token.slice(-43)));
  });

  it("leaves health and reflection open", async () => {
    const { status } = await aClient().call(healthService.check, {});
    assert.equal(status, 1);
  });

  it("keeps methods of operators to operators", () => {
    const forAdmins = (Object.keys(rules) as Operation[]).filter(isForAdmins).sort();
    assert.deepEqual(forAdmins, [
      "CreateToken",
      "DrainHost",
      "ListHosts",
      "ListTokens",
      "RevokeToken",
      "UndrainHost",
      "UpdateTenant",
      "WatchPools",
    ]);
  });
});
