/** Which connections this machine has, as its kernel knows them. */
import { readFile } from "node:fs/promises";

const established = "01";

/** @param address "10.77.1.10:7070" */
export async function isConnectedTo(address: string): Promise<boolean> {
  const [host = "", port = ""] = address.split(":");
  const hex = (value: number, digits: number): string =>
    value.toString(16).toUpperCase().padStart(digits, "0");
  const numbers = host.split(".").map((part) => hex(Number(part), 2));
  const remote = `${numbers.reverse().join("")}:${hex(Number(port), 4)}`;
  const lines = (await readFile("/proc/net/tcp", "utf8")).split("\n").slice(1);
  return lines.some((line) => {
    const [, , to, state] = line.trim().split(/\s+/);
    return to === remote && state === established;
  });
}
