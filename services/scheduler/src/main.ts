/** Wires the scheduler and runs it until a signal. */
import { connectBus, ensureStorage } from "@tidepool/actors";
import {
  createLogger,
  failStart,
  startTelemetry,
  stopOnSignal,
  warnOfStandstill,
} from "@tidepool/common";
import { policies, warmingPolicyDefault } from "@tidepool/policy";
import { readConfig } from "./config.ts";
import { Scheduler } from "./scheduler.ts";

const config = readConfig(process.env);
const logger = createLogger({ service: "scheduler", level: config.logLevel });
warnOfStandstill(logger);
const fail = (error: unknown): never => failStart(logger, error);
const telemetry = await startTelemetry("tidepool-scheduler");
const bus = await connectBus({
  ...config.nats,
  name: `scheduler ${config.schedulerId}`,
  component: "scheduler",
  logger,
  onEnded: () => process.exit(1),
}).catch(fail);
const scheduler = new Scheduler({
  bus,
  storage: await ensureStorage(bus).catch(fail),
  schedulerId: config.schedulerId,
  shardCount: config.shardCount,
  warmingPolicy: {
    base: config.poolBaseTarget,
    floor: config.poolFloor,
    ceiling: Math.max(config.poolBaseTarget, warmingPolicyDefault.ceiling),
  },
  policy: policies[config.policy],
  isFleetLearning: config.fleetLearning === "on",
  shardPrewarmIdleVmSecondsMax: config.shardPrewarmIdleVmSecondsMax,
  logger,
});
await scheduler.start().catch(fail);
stopOnSignal(logger, async () => {
  await scheduler.stop();
  await bus.close();
  await telemetry.stop();
});
logger.info("ready", { ...config });
