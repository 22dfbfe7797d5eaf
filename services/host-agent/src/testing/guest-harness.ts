/** Real guests for tests: functions in VMs of one runtime, loaded from sources in the test. */
import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { TidepoolError } from "@tidepool/common";
import { defaultCacheDir, ensureGuestImage } from "@tidepool/guest";
import { openGuestSession } from "../guest/open-session.ts";
import type {
  FunctionLoad,
  GuestSession,
  InvokeOptions,
  InvokeResult,
  SessionOptions,
} from "../guest/session.ts";
import type { Domain, Template, VmConfig } from "../hypervisor/hypervisor.ts";
import { QemuHypervisor } from "../qemu/qemu-hypervisor.ts";
import { findRunAs, qemuUserDefault } from "../qemu/run-as.ts";

export const traceparent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

export interface LoadOptions extends SessionOptions {
  readonly handler?: string;
  /** Permissions of every file. */
  readonly mode?: number;
}

export class GuestHarness {
  readonly hypervisor: QemuHypervisor;
  readonly template: Template;
  readonly stateDir: string;
  private readonly domains: Domain[] = [];

  private constructor(hypervisor: QemuHypervisor, template: Template, stateDir: string) {
    this.hypervisor = hypervisor;
    this.template = template;
    this.stateDir = stateDir;
  }

  static async open(config: VmConfig): Promise<GuestHarness> {
    const stateDir = await mkdtemp(join(tmpdir(), "tidepool-guest-"));
    const image = (runtime: string): ReturnType<typeof ensureGuestImage> =>
      ensureGuestImage({ runtime });
    const cacheDir = defaultCacheDir();
    const runAs = await findRunAs(qemuUserDefault);
    const hypervisor = new QemuHypervisor({ accelerator: "tcg", cacheDir, stateDir, image, runAs });
    return new GuestHarness(hypervisor, await hypervisor.ensureTemplate(config), stateDir);
  }

  async close(): Promise<void> {
    await this.hypervisor.close();
    await rm(this.stateDir, { recursive: true });
  }

  /** Ends every VM that the test has opened. */
  async clear(): Promise<void> {
    await Promise.all(this.domains.splice(0).map((domain) => domain.destroy()));
  }

  async open(options: SessionOptions = {}, template = this.template): Promise<GuestSession> {
    const vmId = `vm-${Math.random().toString(36).slice(2)}`;
    const domain = await this.hypervisor.clone(template, vmId);
    this.domains.push(domain);
    const session = openGuestSession(domain, options);
    await session.handshake(template);
    return session;
  }

  /** A new VM with this code. */
  async load(
    files: Record<string, string>,
    { handler = "index.handler", mode = 0o644, ...options }: LoadOptions = {},
  ): Promise<GuestSession> {
    const session = await this.open(options);
    await session.load(this.code(files, handler, mode));
    return session;
  }

  code(files: Record<string, string>, handler = "index.handler", mode = 0o644): FunctionLoad {
    return {
      functionName: "greet",
      functionVersion: "7",
      handler,
      memoryLimitMib: this.template.config.memoryMib,
      environment: { GREETING: "hello" },
      files: Object.entries(files).map(([path, source]) => ({
        path,
        mode,
        content: Buffer.from(source),
      })),
    };
  }
}

let requestCount = 0;

export function invokeRaw(
  session: GuestSession,
  event: unknown = {},
  options: InvokeOptions & { requestId?: string; timeoutMs?: number } = {},
): Promise<InvokeResult> {
  const { requestId = `request-${++requestCount}`, timeoutMs = 10_000, ...rest } = options;
  const payload = Buffer.from(JSON.stringify(event));
  return session.invoke({ requestId, payload, timeoutMs, traceparent }, rest);
}

export async function invoke(session: GuestSession, event: unknown = {}): Promise<unknown> {
  const { payload } = await invokeRaw(session, event);
  return JSON.parse(Buffer.from(payload).toString());
}

export async function rejectsWith(
  awaited: Promise<unknown>,
  code: TidepoolError["code"],
  message: RegExp,
): Promise<TidepoolError> {
  const error: unknown = await awaited.then(
    () => assert.fail(`expected ${code}`),
    (thrown: unknown) => thrown,
  );
  assert.ok(error instanceof TidepoolError, String(error));
  assert.equal(error.code, code, error.message);
  assert.match(error.message, message);
  return error;
}
