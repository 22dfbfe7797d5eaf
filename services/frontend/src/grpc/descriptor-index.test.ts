import assert from "node:assert/strict";
import { descriptors, tidepoolService } from "@tidepool/proto";
import { indexDescriptors } from "./descriptor-index.ts";

describe("indexDescriptors", () => {
  const index = indexDescriptors(descriptors);
  const apiFile = Buffer.from(descriptors.get("tidepool/v1/tidepool.proto") ?? "", "base64");

  it("gives a file with all that it imports, itself first", () => {
    const files = index.fileByName("tidepool/internal/v1/host.proto") ?? [];
    assert.equal(files.length, 4);
    assert.match(Buffer.from(files[0] ?? []).toString("latin1"), /host\.proto/);
  });

  for (const { path } of Object.values(tidepoolService)) {
    const symbol = path.slice(1).replace("/", ".");
    it(`finds the method ${symbol}`, () => {
      assert.deepEqual(Buffer.from(index.fileBySymbol(symbol)?.[0] ?? []), apiFile);
    });
  }

  for (const symbol of [
    "tidepool.v1.Tidepool",
    ".tidepool.v1.Tidepool",
    "tidepool.v1.FunctionSettings",
    "tidepool.v1.FunctionSettings.EnvironmentEntry",
    "tidepool.v1.FunctionSettings.memory_mib",
    "tidepool.v1.Start",
    "tidepool.v1.START_POOL",
    "tidepool.v1.UploadCodeRequest.part",
  ]) {
    it(`finds ${symbol}`, () => {
      assert.deepEqual(Buffer.from(index.fileBySymbol(symbol)?.[0] ?? []), apiFile);
    });
  }

  for (const symbol of ["", "tidepool", "tidepool.v1.Nothing"]) {
    it(`knows no '${symbol}'`, () => assert.equal(index.fileBySymbol(symbol), undefined));
  }
});
