import assert from "node:assert/strict";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { metrics } from "@opentelemetry/api";
import { metrics as sdk } from "@opentelemetry/sdk-node";
import { issueInto } from "@tidepool/cli";
import { certificateWarnDays } from "./certificate-ends.ts";
import { certificateGauge, CertificateWatch } from "./certificate-watch.ts";
import { createLogger } from "./logger.ts";
import { tlsFilesIn } from "./tls.ts";

const dayMs = 86_400_000;
const issuedForDays = 30;

class Reader extends sdk.MetricReader {
  protected override onShutdown = (): Promise<void> => Promise.resolve();
  protected override onForceFlush = (): Promise<void> => Promise.resolve();

  async read(): Promise<readonly [of: unknown, value: unknown][]> {
    const { resourceMetrics } = await this.collect();
    const [found] = resourceMetrics.scopeMetrics.flatMap((scope) => scope.metrics);
    assert.equal(found?.descriptor.name, certificateGauge);
    return (found?.dataPoints ?? []).map(({ attributes, value }) => [attributes["of"], value]);
  }
}

describe("CertificateWatch", () => {
  let folder = "";
  let nowMs = 0;
  let lines: Record<string, unknown>[] = [];
  /** Ends the hour that the watch waits. */
  let passHour: () => void = () => {};
  let watch: CertificateWatch;

  const issue = () =>
    issueInto(folder, [{ service: "host", id: "h-1", addresses: [] }], issuedForDays);
  /** It looks once a day; between, it waits. */
  const passDays = async (days: number): Promise<void> => {
    for (let day = 0; day < days; day += 1) {
      const before = passHour;
      nowMs += dayMs;
      before();
      // It has looked when it waits again.
      while (passHour === before) await new Promise((resolve) => setImmediate(resolve));
    }
  };
  const said = (): unknown[] => lines.map(({ level, msg, days }) => [level, msg, days]);

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), "tidepool-certificates-"));
    await issue();
    nowMs = Date.now();
    lines = [];
    const destination = {
      write: (text: string) => void lines.push(JSON.parse(text) as Record<string, unknown>),
    };
    watch = new CertificateWatch(
      tlsFilesIn(join(folder, "h-1.host")),
      createLogger({ service: "test", destination }),
      {
        nowMs: () => nowMs,
        sleep: (_ms, signal) =>
          new Promise((resolve) => {
            passHour = resolve;
            if (signal !== undefined) signal.onabort = () => resolve();
          }),
      },
    );
  });
  afterEach(async () => {
    await watch.stop();
    metrics.disable();
    await rm(folder, { recursive: true, force: true });
  });

  it("says nothing of a certificate that holds for long, and each day that one ends soon, and that it has ended", async () => {
    await watch.start();
    await passDays(issuedForDays - certificateWarnDays - 1);
    assert.deepEqual(said(), []);
    await passDays(2);
    assert.deepEqual(said(), [
      ["warn", "certificate ends soon", certificateWarnDays - 1],
      ["warn", "certificate ends soon", certificateWarnDays - 2],
    ]);
    await passDays(certificateWarnDays);
    assert.deepEqual(said().at(-1), ["error", "certificate has ended", undefined]);
    assert.equal(lines.at(-1)?.["of"], join(folder, "h-1.host", "cert.pem"));
  });

  it("is quiet again when the certificate was issued anew", async () => {
    nowMs += (issuedForDays - 1) * dayMs;
    await watch.start();
    assert.equal(lines.length, 1);
    nowMs -= (issuedForDays - 1) * dayMs;
    await issue();
    await passDays(2);
    assert.equal(lines.length, 1);
  });

  it("says of one that another process has shown, by its name", async () => {
    await watch.start();
    watch.seen({ of: "nats-server n-1", endsAtMs: nowMs + dayMs });
    assert.deepEqual(
      lines.map(({ of, days }) => [of, days]),
      [["nats-server n-1", 1]],
    );
  });

  it("says no more of one that another has replaced without a new connection, or that is another server's", async () => {
    const endsAtMs = nowMs + 5 * dayMs;
    let renewed = false;
    await watch.start(() => {
      if (renewed) watch.seen({ of: "nats-server n-1", endsAtMs: endsAtMs + 300 * dayMs });
      return Promise.resolve();
    });
    watch.seen({ of: "nats-server n-1", endsAtMs });
    await passDays(1);
    assert.deepEqual(
      lines.map(({ of, days }) => [of, days]),
      [5, 4].map((days) => ["nats-server n-1", days]),
    );
    renewed = true;
    await passDays(2);
    assert.equal(lines.length, 2);
    watch.seen({ of: "nats-server n-2", endsAtMs });
    watch.seen({ of: "nats-server n-3", endsAtMs: endsAtMs + 300 * dayMs });
    await passDays(1);
    assert.equal(lines.length, 3);
  });

  it("names a file that holds no certificate", async () => {
    await writeFile(join(folder, "h-1.host", "cert.pem"), "nothing");
    await watch.start();
    assert.deepEqual(said(), [["warn", "certificate cannot be read", undefined]]);
    assert.match(String(lines[0]?.["error"]), /h-1\.host\/cert\.pem: it holds no certificate/);
  });

  it("tells the days that are left as a gauge, until it is stopped", async () => {
    const reader = new Reader();
    metrics.setGlobalMeterProvider(new sdk.MeterProvider({ readers: [reader] }));
    watch = new CertificateWatch(
      tlsFilesIn(join(folder, "h-1.host")),
      createLogger({ service: "test", destination: { write: () => {} } }),
    );
    await watch.start();
    assert.deepEqual(await reader.read(), [
      [join(folder, "h-1.host", "cert.pem"), issuedForDays - 1],
      [join(folder, "h-1.host", "ca.pem"), 3_649],
    ]);
  });
});
