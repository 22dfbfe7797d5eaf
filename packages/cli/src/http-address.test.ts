import assert from "node:assert/strict";
import { functionUrl, httpAddressBeside } from "./http-address.ts";

describe("The address of function URLs", () => {
  it("is beside that of the frontend, on the same host", () => {
    assert.equal(httpAddressBeside("127.0.0.1:7070"), "127.0.0.1:7080");
    assert.equal(httpAddressBeside("tide.example:9000"), "tide.example:9010");
    assert.equal(httpAddressBeside("[::1]:7070"), "[::1]:7080");
  });
});

describe("The address of a function", () => {
  it("has the tenant before the name, but for the default one", () => {
    const at = "127.0.0.1:7080";
    assert.equal(functionUrl({ name: "f", tenant: "default" }, at), `http://${at}/fn/f/`);
    assert.equal(functionUrl({ name: "f", tenant: "shop" }, at), `http://${at}/fn/shop=f/`);
  });
});
