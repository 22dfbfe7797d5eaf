/**
 * A private libvirtd as a process, for a machine without a libvirtd service: only wires. "ready" names the
 * socket for TIDEPOOL_LIBVIRT_SOCKET. When libvirtd dies so does this, and started again in the same
 * directory it finds the domains that ran on; a signal ends it in order, with all domains and files.
 */
import { createLogger, failStart, readEnvironment, stopOnSignal } from "@tidepool/common";
import { PrivateLibvirtd } from "./libvirt/private-libvirtd.ts";
import { findRunAs, qemuUserDefault } from "./qemu/run-as.ts";

const { directory, qemuUser } = readEnvironment(process.env, (read) => {
  const given = read.optional("TIDEPOOL_LIBVIRTD_DIR");
  if (given === undefined) read.problem("TIDEPOOL_LIBVIRTD_DIR must name a directory of its own");
  return { directory: given ?? "", qemuUser: read.text("TIDEPOOL_QEMU_USER", qemuUserDefault) };
});
const logger = createLogger({ service: "libvirtd" });
async function start(): Promise<PrivateLibvirtd> {
  return PrivateLibvirtd.start({
    directory,
    runAs: await findRunAs(qemuUser),
    onCrash: (detail) => {
      logger.error("crashed", { detail });
      process.exit(1);
    },
  });
}

const libvirtd = await start().catch((error: unknown) => failStart(logger, error));
stopOnSignal(logger, () => libvirtd.stop());
logger.info("ready", { uri: libvirtd.address.uri, socketPath: libvirtd.address.socketPaths[0] });
