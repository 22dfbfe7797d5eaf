/**
 * A private libvirtd as a process, for a machine without a libvirtd service: only wires. "ready" names the
 * socket for TIDEPOOL_LIBVIRT_SOCKET. When libvirtd dies so does this, and started again in the same
 * directory it finds the domains that ran on; a signal ends it in order, with all domains and files.
 */
import { createLogger, readEnvironment, stopOnSignal } from "@tidepool/common";
import { PrivateLibvirtd } from "./libvirt/private-libvirtd.ts";

const { directory } = readEnvironment(process.env, (read) => {
  const given = read.optional("TIDEPOOL_LIBVIRTD_DIR");
  if (given === undefined) read.problem("TIDEPOOL_LIBVIRTD_DIR must name a directory of its own");
  return { directory: given ?? "" };
});
const logger = createLogger({ service: "libvirtd" });
const libvirtd = await PrivateLibvirtd.start({
  directory,
  onCrash: (detail) => {
    logger.error("crashed", { detail });
    process.exit(1);
  },
});
stopOnSignal(logger, () => libvirtd.stop());
logger.info("ready", { uri: libvirtd.address.uri, socketPath: libvirtd.address.socketPaths[0] });
