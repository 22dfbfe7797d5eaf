/** The frontend as a process: only wires. */
import { connectBus } from "@tidepool/actors";
import {
  createLogger,
  failStart,
  readKeyring,
  startTelemetry,
  stopOnSignal,
  warnOfStandstill,
} from "@tidepool/common";
import { readConfig } from "./config.ts";
import { readAdminToken } from "./door/admin-token.ts";
import { Frontend } from "./frontend.ts";

const config = readConfig(process.env);
const logger = createLogger({ service: "frontend", level: config.logLevel });
logger.info("starting", { config });
warnOfStandstill(logger);
const fail = (error: unknown): never => failStart(logger, error);
const telemetry = await startTelemetry("tidepool-frontend");
const bus = await connectBus({
  ...config.nats,
  name: `frontend ${process.pid}`,
  component: "frontend",
  logger,
  onEnded: () => process.exit(1),
}).catch(fail);
const { secretsKeyFile } = config;
const keyring = secretsKeyFile === undefined ? undefined : await readKeyring(secretsKeyFile);
const { adminTokenFile } = config;
const adminToken = adminTokenFile === undefined ? undefined : await readAdminToken(adminTokenFile);
const frontend = new Frontend({
  config,
  bus,
  logger,
  ...(keyring && { keyring }),
  ...(adminToken && { adminToken }),
});
const { address, httpAddress } = await frontend.start().catch(fail);
stopOnSignal(logger, async () => {
  await frontend.stop();
  await bus.close();
  await telemetry.stop();
});
logger.info("ready", { address, httpAddress });
