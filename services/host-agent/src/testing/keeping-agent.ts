/** A process that has a folder of VMs as a host-agent has it, and is killed: its keeper stays for a moment. */
import { spawn } from "node:child_process";
import { once } from "node:events";

const keeper = new URL("../qemu/keeper.ts", import.meta.url).href;

export async function keepAndDie(
  stateDir: string,
  argument: "guest" | "path",
  waitMs: number,
): Promise<void> {
  const program = `
    const { Keeper } = await import(${JSON.stringify(keeper)});
    new Keeper(${JSON.stringify(stateDir)}, ${JSON.stringify(argument)}, ${String(waitMs)});
    process.stdout.write("there");
    setInterval(() => {}, 1_000);`;
  const words = ["--import", "tsx", "--input-type=module", "-e", program];
  const agent = spawn(process.execPath, words, { stdio: ["ignore", "pipe", "inherit"] });
  await once(agent.stdout, "data");
  agent.kill("SIGKILL");
  await once(agent, "exit");
}
