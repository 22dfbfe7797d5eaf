/**
 * A fleet that is only messages: hosts that tell of themselves each second and obey every order at once, in a
 * process of its own. `node fleet.ts NATS_URL HOSTS VMS_EACH FUNCTIONS ECHO_SUBJECT`; writes "ready" when all have been told.
 */
import { connectBus } from "@tidepool/actors";
import { silentLogger, systemClock } from "@tidepool/common";
import { subjects, tidepool, toTimestamp } from "@tidepool/proto";

const { AssignReply, AssignRequest, Ack, HostHeartbeat, KeepRequest } = tidepool.internal.v1;
const [servers = "", hosts = "0", vmsEach = "0", functions = "0", echoSubject = ""] =
  process.argv.slice(2);
const hostCount = Number(hosts);
const vmsOfHost = Number(vmsEach);
const functionCount = Number(functions);
const roundMs = 1_000;
/** Hosts that tell at once: a round is spread over its second. */
const atOnce = 10;
/** Code on each host's disk, as eight bytes of each digest. */
const codeBytes = 8 * 32;

const bus = await connectBus({ servers, name: "fleet", component: "host", logger: silentLogger });
let vmNumber = 0;
bus.serve("assign VM", "tidepool.v1.host.*.assign", AssignRequest, AssignReply, () =>
  Promise.resolve(AssignReply.create({ vmId: `vm-${(vmNumber += 1)}` })),
);
// What a message there and back takes by itself, among the same others.
bus.serve("echo", echoSubject, Ack, Ack, () => Promise.resolve(Ack.create({})));
bus.serve("keep VMs", "tidepool.v1.host.*.keep", KeepRequest, Ack, () =>
  Promise.resolve(Ack.create({})),
);

function beat(host: number): void {
  const hostId = `h-${host}`;
  const owned = Array.from({ length: vmsOfHost }, (_, vm) => ({
    name: `f-${(host * vmsOfHost + vm) % functionCount}`,
    version: "1",
    idle: 0,
    busy: 1,
    loading: 0,
  }));
  const pools = [
    { runtime: "nodejs20", memoryMib: 128, ready: 4, prepareP95Ms: 60, hasTemplate: true },
  ];
  const message = HostHeartbeat.create({
    hostId,
    at: toTimestamp(systemClock.nowMs()),
    address: `${hostId}:7071`,
    memoryMib: 1_000_000,
    vmCount: vmsOfHost + 4,
    vmCountMax: 1_000,
    pools,
    functions: owned,
    code: new Uint8Array(codeBytes).fill(host),
  });
  bus.publish(subjects.hostHeartbeat(hostId), HostHeartbeat, message);
}

let isFirst = true;
for (;;) {
  const beganAtMs = performance.now();
  for (let host = 0; host < hostCount; host += 1) {
    beat(host);
    if (host % atOnce === atOnce - 1)
      await systemClock.sleep(beganAtMs + ((host + 1) * roundMs) / hostCount - performance.now());
  }
  if (isFirst) process.stdout.write("ready\n");
  isFirst = false;
}
