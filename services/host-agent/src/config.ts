/** The host-agent's configuration, from the environment; see docs/operations.md. */
import { availableParallelism, homedir, hostname, totalmem } from "node:os";
import { join } from "node:path";
import { readBusSettings } from "@tidepool/actors";
import type { BusSettings } from "@tidepool/actors";
import { logLevels, readEnvironment } from "@tidepool/common";
import type { LogLevel } from "@tidepool/common";
import { subjects } from "@tidepool/proto";
import { readGuestNetwork } from "./guest-network/read-reach.ts";
import type { GuestNetworkSettings } from "./guest-network/read-reach.ts";
import { readLibvirtAddress } from "./libvirt/address.ts";
import type { LibvirtAddress } from "./libvirt/address.ts";
import { qemuUserDefault } from "./qemu/run-as.ts";

export interface HostAgentConfig {
  readonly nats: BusSettings;
  readonly logLevel: LogLevel;
  readonly hostId: string;
  /** host:port to listen on and to be reached at; port 0 takes a free one. */
  readonly address: string;
  readonly hypervisor: "qemu" | "libvirt" | "simulated";
  readonly accelerator: "auto" | "kvm" | "tcg";
  /** Whom QEMU runs as where the host-agent is root: a name, or "UID:GID". */
  readonly qemuUser: string;
  readonly libvirt: LibvirtAddress;
  readonly cacheDir: string;
  /** This host's own folder in TIDEPOOL_STATE_DIR: hosts on one machine may share that. */
  readonly stateDir: string;
  /** Memory that VMs may take together. */
  readonly memoryMib: number;
  readonly vmCountMax: number;
  /** Virtual CPUs that VMs may have together; most of them wait, paused. */
  readonly vcpuMax: number;
  /** Warming target of the base config before the scheduler names one. */
  readonly poolBaseTarget: number;
  /** What guests may reach whose functions ask for the internet; undefined: nothing. */
  readonly guestNetwork: GuestNetworkSettings;
  /** Of the simulated hypervisor: the same seed, the same timing and failures. */
  readonly simulatedSeed: number;
  /** A stop leaves VMs that wait to the next process: it is meant as a restart. */
  readonly stopKeepsVms: boolean;
  /** Keys for secrets; without it no function that names one can be loaded. */
  readonly secretsKeyFile: string | undefined;
}

/** The config that a host warms before it has seen any function. */
export const baseConfig = { runtime: "nodejs20", memoryMib: 128 } as const;

/** Share of the machine's memory that VMs may take, when nothing is said. */
const memoryShareDefault = 0.75;
/** Virtual CPUs for each of the machine's, when nothing is said. */
const vcpusPerCpu = 16;
const memoryMinMib = 256;
const memoryMaxMib = 4 * 1024 * 1024;

/** @throws TidepoolError `invalid`, naming every variable that is wrong */
export function readConfig(env: NodeJS.ProcessEnv): HostAgentConfig {
  return readEnvironment(env, (read) => {
    const home = env["HOME"] ?? homedir();
    const hostId = read.text("TIDEPOOL_HOST_ID", hostIdDefault());
    if (!subjects.isToken(hostId)) {
      read.problem(`TIDEPOOL_HOST_ID must be letters, digits, "-" and "_", got '${hostId}'`);
    }
    const address = read.text("TIDEPOOL_HOST_ADDRESS", "127.0.0.1:0");
    if (!/^(\[[0-9a-fA-F:]+\]|[^:\s]+):\d{1,5}$/.test(address)) {
      read.problem(`TIDEPOOL_HOST_ADDRESS must be host:port, got '${address}'`);
    }
    const hypervisor = read.oneOf("TIDEPOOL_HYPERVISOR", "qemu", ["qemu", "libvirt", "simulated"]);
    const guestNetwork = readGuestNetwork(read);
    if (guestNetwork !== undefined && hypervisor !== "qemu")
      read.problem(
        "TIDEPOOL_GUEST_NETWORK must be off: only the qemu driver gives guests a network",
      );
    return {
      nats: readBusSettings(read),
      logLevel: read.oneOf("TIDEPOOL_LOG_LEVEL", "info", logLevels),
      hostId,
      address,
      hypervisor,
      accelerator: read.oneOf("TIDEPOOL_ACCELERATOR", "auto", ["auto", "kvm", "tcg"]),
      qemuUser: read.text("TIDEPOOL_QEMU_USER", qemuUserDefault),
      libvirt: readLibvirtAddress(read),
      cacheDir: read.text(
        "TIDEPOOL_CACHE_DIR",
        join(env["XDG_CACHE_HOME"] ?? join(home, ".cache"), "tidepool"),
      ),
      stateDir: join(
        read.text(
          "TIDEPOOL_STATE_DIR",
          join(env["XDG_STATE_HOME"] ?? join(home, ".local", "state"), "tidepool"),
        ),
        hostId,
      ),
      memoryMib: read.integer("TIDEPOOL_MEMORY_MIB", memoryDefaultMib(), {
        min: memoryMinMib,
        max: memoryMaxMib,
      }),
      vmCountMax: read.integer("TIDEPOOL_VM_COUNT_MAX", 64, { min: 1, max: 4_096 }),
      vcpuMax: read.integer("TIDEPOOL_VCPU_MAX", vcpusPerCpu * availableParallelism(), {
        min: 1,
        max: 65_536,
      }),
      poolBaseTarget: read.integer("TIDEPOOL_POOL_BASE_TARGET", 8, { min: 0, max: 1_024 }),
      stopKeepsVms: read.oneOf("TIDEPOOL_STOP_KEEPS_VMS", "off", ["off", "on"]) === "on",
      secretsKeyFile: read.optional("TIDEPOOL_SECRETS_KEY_FILE"),
      guestNetwork,
      simulatedSeed: read.integer("TIDEPOOL_SIMULATED_SEED", 1, { min: 0, max: 2 ** 31 }),
    };
  });
}

const memoryDefaultMib = (): number =>
  Math.max(memoryMinMib, Math.floor((totalmem() / 1024 / 1024) * memoryShareDefault));

function hostIdDefault(): string {
  return hostname()
    .replaceAll(/[^A-Za-z0-9_-]/g, "-")
    .slice(0, subjects.tokenLengthMax);
}
