import assert from "node:assert/strict";
import { Metadata } from "@grpc/grpc-js";
import { makeToken, silentLogger, TidepoolError } from "@tidepool/common";
import { adminCallsKept, openEndsOfTenantMax, requestRate } from "../limits.ts";
import { Door } from "./door.ts";
import { changeAt } from "./paths.ts";
import { Tokens } from "./tokens.ts";
import type { StoredToken, TokenStore } from "./tokens.ts";
import type { Role } from "./roles.ts";
import { rules } from "./rules.ts";
import type { Operation, Rule } from "./rules.ts";
import { TenantShares } from "./tenant-shares.ts";
import { Visit } from "./visit.ts";
import type { Caller } from "./visit.ts";

const never = new AbortController().signal;
const operator = { tenant: "default", role: "admin" } as const;
const aVisit = (tenant: string, rule: Rule): Visit =>
  new Visit({ tenant, role: "deployer", revoked: never }, rule, () => {});

describe("changeAt", () => {
  const shout = (text: string): string => text.toUpperCase();

  it("changes a text under fields, in lists and in maps, and leaves the message as it was", () => {
    const message = { a: { b: "x", c: "y" }, list: [{ n: "x" }, { n: "y" }], map: { k: "x" } };
    const before = structuredClone(message);
    assert.equal(changeAt(message, "a.b", shout).a.b, "X");
    assert.deepEqual(changeAt(message, "list.*.n", shout).list, [{ n: "X" }, { n: "Y" }]);
    assert.deepEqual(changeAt(message, "map.*", shout).map, { k: "X" });
    assert.deepEqual(message, before);
  });

  it("leaves alone what is not there, is empty, or is no text", () => {
    for (const message of [{}, { a: null }, { a: {} }, { a: { b: "" } }, { a: { b: 3 } }]) {
      assert.equal(changeAt(message, "a.b", shout), message);
    }
  });
});

describe("Visit", () => {
  it("puts the tenant before a name and takes it off again", () => {
    const visit = aVisit("shop", rules.GetFunction);
    assert.deepEqual(visit.asked({ name: "f" }), { name: "shop=f" });
    const kept = { name: "shop=f", settings: { secrets: { A: "shop=key" } } };
    assert.deepEqual(visit.told(kept), { name: "f", settings: { secrets: { A: "key" } } });
  });

  it("keeps the names of the tenant 'default' as they are", () => {
    const visit = aVisit("default", rules.GetFunction);
    assert.deepEqual(visit.asked({ name: "f" }), { name: "f" });
    assert.throws(() => visit.asked({ name: "shop=f" }), { code: "invalid" });
  });

  it("tells a failure with its own names, and what user code threw as it was", () => {
    const visit = aVisit("shop", rules.Invoke);
    const unknown = new TidepoolError("notFound", "no function 'shop=f'", {
      details: { requestId: "shop=r" },
    });
    const told = visit.toldOf(unknown) as TidepoolError;
    assert.equal(told.message, "no function 'f'");
    assert.equal(told.details["requestId"], "r");
    const thrown = { name: "Error", message: "shop=1", stack: "shop=1" };
    const details = { requestId: "shop=r" };
    const threw = new TidepoolError("functionError", "Error: shop=1", { thrown, details });
    const toldOfThrown = visit.toldOf(threw) as TidepoolError;
    assert.equal(toldOfThrown.message, "Error: shop=1");
    assert.deepEqual(toldOfThrown.thrown, thrown);
    assert.equal(toldOfThrown.details["requestId"], "r");
  });
});

describe("Door", () => {
  it("keeps room for operators when others fill it, and gives it back", () => {
    const door = new Door(undefined, 2);
    const first = door.enter("Invoke", new Metadata());
    door.enter("Invoke", new Metadata());
    assert.throws(() => door.enter("Invoke", new Metadata()), { reason: "doorFull" });
    for (let count = 0; count < adminCallsKept; count += 1) {
      door.enter("ListHosts", new Metadata());
    }
    assert.throws(() => door.enter("ListHosts", new Metadata()), { reason: "doorFull" });
    first.leave();
    door.enter("ListHosts", new Metadata());
  });
});

describe("What one tenant may take of a door", () => {
  const caller = (tenant: string, role: Role): Caller => ({ tenant, role, revoked: never });
  const shares = (nowMs: () => number) =>
    new TenantShares({ nowMs, sleep: () => Promise.resolve() });
  const enter = (book: TenantShares, who: Caller, operation: Operation) =>
    book.enter(who, operation, rules[operation]);

  it("ends at its open streams, of which each that ends leaves room, and takes nothing from others", () => {
    const book = shares(() => 0);
    const [shop, other] = [caller("shop", "viewer"), caller("other", "viewer")];
    const opened = Array.from({ length: openEndsOfTenantMax }, () => enter(book, shop, "GetLogs"));
    assert.throws(() => enter(book, shop, "GetUsage"), {
      code: "throttled",
      reason: "openStreams",
    });
    enter(book, other, "GetLogs");
    enter(book, shop, "ListFunctions");
    opened[0]?.();
    enter(book, shop, "GetUsage");
  });

  it("ends at its calls a second, but for functions' calls, and says when there is room again", () => {
    let nowMs = 0;
    const book = shares(() => nowMs);
    const shop = caller("shop", "deployer");
    for (let count = 0; count < requestRate.burst; count += 1) enter(book, shop, "ListFunctions");
    assert.throws(() => enter(book, shop, "InvokeAsync"), {
      code: "throttled",
      reason: "requestRate",
      retryAfterMs: 1,
    });
    enter(book, shop, "Invoke");
    enter(book, caller("other", "deployer"), "ListFunctions");
    enter(book, caller("default", "admin"), "ListFunctions");
    nowMs += 1;
    enter(book, shop, "InvokeAsync");
  });
});

describe("Tokens", () => {
  const store = (tokens: Map<string, StoredToken>): TokenStore => ({
    get: (id) => tokens.get(id),
    values: () => [...tokens.values()],
    read: (id) => Promise.resolve({ revision: 1, value: tokens.get(id) }),
    write: (id, token) => Promise.resolve(tokens.set(id, token)),
    remove: (id) => Promise.resolve(void tokens.delete(id)),
  });
  const aBook = (nowMs: () => number, adminToken?: string): Tokens =>
    new Tokens({
      store: store(new Map()),
      ensureTenant: () => Promise.resolve(),
      adminToken,
      clock: { nowMs, sleep: () => Promise.resolve() } as never,
      logger: silentLogger,
    });

  it("know a token again, and none with one letter changed", async () => {
    const tokens = aBook(() => 0);
    const { text = "" } = await tokens.create({ role: 4, tenant: "shop" }, operator);
    assert.equal(tokens.identify(text)?.tenant, "shop");
    const other = text.endsWith("A") ? "B" : "A";
    assert.equal(tokens.identify(text.slice(0, -1) + other), undefined);
    assert.equal(tokens.identify(text.slice(0, -1)), undefined);
    assert.equal(tokens.identify(""), undefined);
  });

  it("refuse one that has expired", async () => {
    let nowMs = 0;
    const tokens = aBook(() => nowMs);
    const { text = "" } = await tokens.create({ role: 4, lifetimeMs: 1_000 }, operator);
    nowMs = 999;
    assert.ok(tokens.identify(text));
    nowMs = 1_000;
    assert.equal(tokens.identify(text), undefined);
  });

  it("take the operator's own as admin, though it is stored nowhere", () => {
    const { text } = makeToken();
    assert.equal(aBook(() => 0, text).identify(text)?.role, "admin");
    assert.equal(aBook(() => 0, makeToken().text).identify(text), undefined);
    assert.throws(() => aBook(() => 0, "guess"), { code: "invalid" });
  });

  for (const [what, wish] of [
    ["no role", {}],
    ["a tenant with a dot", { role: 4, tenant: "a.b" }],
    ["a tenant with the mark", { role: 4, tenant: "a=b" }],
    ["a lifetime below none", { role: 4, lifetimeMs: -1 }],
  ] as const) {
    it(`are not made with ${what}`, async () => {
      await assert.rejects(aBook(() => 0).create(wish, operator), { code: "invalid" });
    });
  }
});
