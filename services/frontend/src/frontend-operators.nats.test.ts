/** An admin of a tenant has what is its tenant's; hosts, and what is of all tenants, is the operator's. */
import assert from "node:assert/strict";
import { makeToken } from "@tidepool/common";
import { tidepool, tidepoolService as service } from "@tidepool/proto";
import { rules } from "./door/rules.ts";
import type { Operation } from "./door/rules.ts";
import { failed, TestClient } from "./testing/a-client.ts";
import { ask } from "./testing/ask.ts";
import { aFrontend } from "./testing/a-frontend.ts";
import type { TestFrontend } from "./testing/a-frontend.ts";

const { ROLE_ADMIN, ROLE_VIEWER } = tidepool.v1.Role;

describe("An admin of a tenant", () => {
  const adminToken = makeToken().text;
  let test: TestFrontend;
  let red: TestClient;
  let operator: TestClient;

  before(async () => {
    test = await aFrontend(adminToken);
    red = (await test.aCaller("red", "admin")).client;
    await test.aCaller("blue", "viewer");
    operator = new TestClient(test.address, adminToken);
  });
  after(async () => {
    operator.grpc.close();
    await test.stop();
  });

  const ofOperators = (Object.keys(rules) as Operation[]).filter((each) =>
    /^(.*Host.?|WatchPools|UpdateTenant)$/.test(each),
  );
  it("is asked of five methods", () => assert.equal(ofOperators.length, 5));
  for (const operation of ofOperators) {
    it(`is refused ${operation}, which is of the whole cluster`, async () => {
      const failure = await failed(ask(red, operation, {}));
      assert.equal(failure.code, "forbidden");
      assert.match(failure.message ?? "", /admins of the tenant 'default', the token is of 'red'/);
    });
  }

  it("makes, lists and revokes tokens of its own tenant alone", async () => {
    const { token } = await red.call(service.createToken, { role: ROLE_VIEWER });
    assert.equal(token?.tenant, "red");
    const other = { role: ROLE_ADMIN, tenant: "blue" };
    assert.equal((await failed(red.call(service.createToken, other))).code, "notFound");
    const all = (await operator.call(service.listTokens, {})).tokens ?? [];
    assert.deepEqual([...new Set(all.map(({ tenant }) => tenant))], ["blue", "red"]);
    const own = (await red.call(service.listTokens, {})).tokens ?? [];
    assert.deepEqual([...new Set(own.map(({ tenant }) => tenant))], ["red"]);
    assert.deepEqual((await red.call(service.listTokens, { tenant: "blue" })).tokens ?? [], []);
    const blue = all.find(({ tenant }) => tenant === "blue");
    const refused = await failed(red.call(service.revokeToken, { id: blue?.id ?? "" }));
    assert.equal(refused.code, "notFound");
    await red.call(service.revokeToken, { id: token?.id ?? "" });
  });

  it("sees the settings of its own tenant alone", async () => {
    assert.equal((await red.call(service.getTenant, {})).name, "red");
    assert.equal((await failed(red.call(service.getTenant, { name: "blue" }))).code, "notFound");
    assert.equal((await operator.call(service.getTenant, { name: "blue" })).name, "blue");
  });
});
