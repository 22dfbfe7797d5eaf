/** The host-agent as a process: only wires. */
import { connectBus, ensureStorage } from "@tidepool/actors";
import {
  createLogger,
  failStart,
  readKeyring,
  startTelemetry,
  stopOnSignal,
  warnOfStandstill,
} from "@tidepool/common";
import { readConfig } from "./config.ts";
import { openGuestSession } from "./guest/open-session.ts";
import { HostAgent } from "./host-agent.ts";
import { openHypervisor } from "./open-hypervisor.ts";

const config = readConfig(process.env);
const logger = createLogger({ service: "host-agent", level: config.logLevel });
logger.info("starting", { config });
warnOfStandstill(logger);
const fail = (error: unknown): never => failStart(logger, error);
const telemetry = await startTelemetry("tidepool-host-agent");
const hypervisor = await openHypervisor(config, logger).catch(fail);
const bus = await connectBus({
  ...config.nats,
  name: `host-agent ${config.hostId}`,
  component: "host",
  logger,
  onEnded: () => process.exit(1),
}).catch(fail);
const { secretsKeyFile } = config;
const keyring = secretsKeyFile === undefined ? undefined : await readKeyring(secretsKeyFile);
const storage = await ensureStorage(bus).catch(fail);
const agent = new HostAgent({
  config,
  bus,
  storage,
  hypervisor,
  openSession: openGuestSession,
  logger,
  ...(keyring && { keyring }),
});
await agent.start().catch(fail);
stopOnSignal(logger, async () => {
  await agent.stop();
  await bus.close();
  await telemetry.stop();
});
logger.info("ready", {
  address: agent.address,
  hypervisor: hypervisor.name,
  accelerator: hypervisor.accelerator,
});
