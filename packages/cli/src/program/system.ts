/** Commands for a whole system on this machine. */
import { Option } from "commander";
import type { Command } from "commander";
import type { IssueOptions } from "../commands/certs.ts";
import { command, integer, jsonOption, number, withAddress } from "./parts.ts";
import type { CommandContext } from "./parts.ts";

const portDefault = 7070;
/** Of a replay, against its trace. */
export const speedDefault = 60;

export interface UpCommandOptions {
  readonly data?: string;
  readonly port: number;
  readonly hypervisor: "qemu" | "libvirt" | "simulated";
  readonly httpPort?: number;
  readonly demo: boolean;
  readonly speed: number;
}

export interface ClusterCommandOptions {
  readonly data?: string;
  readonly nats: number;
  readonly frontends: number;
  readonly schedulers: number;
  readonly hosts: number;
  readonly hypervisor: "qemu" | "libvirt" | "simulated";
}

export function addSystemCommands(program: Command, context: CommandContext): void {
  command(
    program,
    "up",
    "Set up this machine, start a whole system on it, and replay real traffic",
    "tidepool up --no-demo",
  )
    .option("--data <dir>", "keeps functions and history (default: ~/.local/state/tidepool)")
    .option("--port <port>", "of the frontend", integer(1, 65_535), portDefault)
    .option(
      "--http-port <port>",
      "of function URLs (default: 10 above the other)",
      integer(1, 65_535),
    )
    .addOption(
      new Option("--hypervisor <name>", "what runs the VMs")
        .choices(["qemu", "libvirt", "simulated"])
        .default("qemu"),
    )
    .option("--speed <n>", "of the replay", number(0.1, 10_000), speedDefault)
    .option("--no-demo", "start only: deploy and replay nothing")
    .action(async (options: UpCommandOptions) => {
      const { upCommand } = await import("../commands/up.ts");
      await upCommand(options, context);
    });

  command(
    program,
    "cluster",
    "Start a cluster on this machine: several hosts in network namespaces, as root",
    "tidepool cluster --hosts 3",
  )
    .option(
      "--data <dir>",
      "keeps functions and history (default: ~/.local/state/tidepool/cluster)",
    )
    .option("--nats <n>", "nats-servers", integer(1, 5), 3)
    .option("--frontends <n>", "", integer(1, 16), 2)
    .option("--schedulers <n>", "", integer(1, 16), 3)
    .option("--hosts <n>", "host-agents", integer(1, 16), 3)
    .addOption(
      new Option("--hypervisor <name>", "what runs the VMs")
        .choices(["qemu", "libvirt", "simulated"])
        .default("qemu"),
    )
    .action(async (options: ClusterCommandOptions) => {
      const { clusterCommand } = await import("../commands/cluster.ts");
      await clusterCommand(options, context);
    });

  command(
    program,
    "image",
    "Build the guest image where it is missing, for a host-agent that may not",
    "TIDEPOOL_CACHE_DIR=/var/cache/tidepool tidepool image",
  ).action(async () => {
    const { imageCommand } = await import("../commands/image.ts");
    await imageCommand(context);
  });

  command(
    program,
    "doctor",
    "Check what this machine has and lacks, with a fix for each",
    "tidepool doctor",
  )
    .option("--data <dir>", "the data folder of `up` (default: ~/.local/state/tidepool)")
    .addOption(jsonOption())
    .action(async (options: { data?: string; json?: boolean }) => {
      const { doctor } = await import("../commands/doctor.ts");
      await doctor(withAddress(program, options), context);
    });
}

export function addCertificateCommands(program: Command, context: CommandContext): void {
  const certs = command(
    program,
    "certs",
    "Make the certificates by which the processes of a cluster know each other",
    "tidepool certs issue certs host/h-1=10.0.0.7 frontend/f-1=10.0.0.8,api.example.com",
  );
  command(
    certs,
    "issue",
    "Make or renew certificates, and the authority where there is none",
    "tidepool certs issue certs host/h-1=10.0.0.7 frontend/f-1=10.0.0.8,api.example.com",
  )
    .argument("<folder>", "keep it: ca-key.pem in it makes new certificates")
    .argument("<service/id=address...>", "nats, frontend, scheduler, host or client")
    .option("--days <n>", "that they hold", integer(1, 3_650), 365)
    .addOption(jsonOption())
    .action(async (folder: string, members: string[], options: IssueOptions) => {
      const { issueCertificates } = await import("../commands/certs.ts");
      await issueCertificates(folder, members, options, context);
    });
  command(
    certs,
    "nats",
    "Print nats-server's users and what each may do, for the certificates of a folder",
    "tidepool certs nats certs > /etc/nats/tidepool-users.conf",
  )
    .argument("<folder>")
    .action(async (folder: string) => {
      const { printNatsUsers } = await import("../commands/certs.ts");
      await printNatsUsers(folder, context);
    });
  command(certs, "show", "List certificates and how long they hold", "tidepool certs show certs")
    .argument("<folder>")
    .addOption(jsonOption())
    .action(async (folder: string, options: { json?: boolean }) => {
      const { showCertificates } = await import("../commands/certs.ts");
      await showCertificates(folder, options, context);
    });
}
