/** A published version, as the scheduler knows it, for tests. */
import type { FunctionVersion } from "../ports.ts";

/** An ordinary small one; only what matters to the test is changed. */
export function aVersion(changes: Partial<FunctionVersion> = {}): FunctionVersion {
  const { name = "f", version = "1" } = changes;
  return {
    name,
    version,
    codeDigest: `sha256:${name}:${version}`,
    runtime: "nodejs20",
    memoryMib: 128,
    vcpuCount: 1,
    keepAliveMs: 600_000,
    tenant: "default",
    prediction: undefined,
    coldStartCost: undefined,
    provisioned: [],
    wire: {},
    ...changes,
  };
}
