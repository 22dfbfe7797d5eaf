import assert from "node:assert/strict";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createServer } from "node:tls";
import { issueInto } from "../certs/cert-folder.ts";
import { checkCertificates } from "./certificate-checks.ts";

describe("The check of certificates", () => {
  let folder = "";
  before(async () => {
    folder = await mkdtemp(join(tmpdir(), "tidepool-doctor-"));
    for (const [id, days] of [
      ["long", 30],
      ["soon", 5],
      ["ended", -1],
    ] as const) {
      await issueInto(folder, [{ service: "host", id, addresses: ["127.0.0.1"] }], days);
    }
  });
  after(() => rm(folder, { recursive: true, force: true }));

  const nowhere = "127.0.0.1:1";
  const statesOf = async (id: string, address = nowhere): Promise<readonly string[]> => {
    const env = id === "" ? {} : { TIDEPOOL_TLS_DIR: join(folder, `${id}.host`) };
    const checks = await checkCertificates({ env, address });
    return checks.map(({ state, detail }) => `${state} ${detail.replaceAll(folder, "")}`);
  };

  it("warns of one that ends soon, and fails for one that has ended or is not there", async () => {
    assert.match((await statesOf("long"))[0] ?? "", /^ok \/long.host\/cert.pem holds until .*29/);
    assert.match((await statesOf("soon"))[0] ?? "", /^warning \/soon.host\/cert.pem .* 4 days$/);
    assert.match((await statesOf("ended"))[0] ?? "", /^failed \/ended.host\/cert.pem has ended/);
    assert.match((await statesOf("none"))[0] ?? "", /^failed \/none.host\/cert.pem: ENOENT/);
    assert.deepEqual(await statesOf(""), []);
  });

  it("looks at what a frontend shows, also where it would not be taken", async () => {
    const of = (name: string) => readFile(join(folder, "ended.host", `${name}.pem`));
    const server = createServer({ cert: await of("cert"), key: await of("key") });
    server.on("tlsClientError", () => {});
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const address = `127.0.0.1:${(server.address() as AddressInfo).port}`;
    try {
      const [found] = await statesOf("", `${nowhere},${address}`);
      assert.ok(found?.startsWith(`failed ${address} has ended on `), found);
    } finally {
      server.close();
    }
  });
});
