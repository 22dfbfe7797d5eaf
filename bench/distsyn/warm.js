/**
 * What Tidepool adds to a warm call: the client's whole invocation of an empty handler, against the two
 * things that no such system can go without, measured in the same run: one unary gRPC call between two
 * processes and one round trip over virtio-serial to the guest's runtime.
 */
import { spawn } from "node:child_process";
import { join } from "node:path";
import { credentials, makeGenericClientConstructor } from "@grpc/grpc-js";
import { tidepoolService } from "@tidepool/proto";
import { startSystem } from "@tidepool/test/running-system";
import { zipOf } from "@tidepool/test/zip";
import { config, openGuests } from "./guests.js";
import { pinger } from "./pings.js";
import { quantile, rowOf, timesOf } from "./stats.js";
const warmUpCount = 200;
const callCount = 1_000;
export async function benchWarm() {
    const unary = await measureUnary();
    const { serial, accelerator } = await measureSerial();
    const warm = await measureWarm();
    const floorMs = quantile(unary, 0.5) + quantile(serial, 0.5);
    return {
        title: "warm invocation of an empty handler, from the client library, one at a time",
        accelerator,
        rows: [
            rowOf("bare unary gRPC call", unary),
            rowOf("bare virtio-serial round trip", serial),
            rowOf("warm invocation", warm),
        ],
        claims: [
            {
                what: "warm invocation / (gRPC call + virtio-serial round trip), medians",
                value: quantile(warm, 0.5) / floorMs,
                unit: "×",
                bound: { atMost: 8 },
            },
        ],
    };
}
async function measureUnary() {
    const server = spawn(process.execPath, ["--import", "tsx", "--conditions=source", join(import.meta.dirname, "echo-server.ts")], { stdio: ["ignore", "pipe", "inherit"] });
    try {
        const port = await new Promise((resolve, reject) => {
            server.stdout.once("data", (bytes) => resolve(bytes.toString().trim()));
            server.once("exit", () => reject(new Error("the echo server ended")));
        });
        const EchoClient = makeGenericClientConstructor({ getFunction: tidepoolService.getFunction }, "Echo");
        const client = new EchoClient(`127.0.0.1:${port}`, credentials.createInsecure());
        const { path, requestSerialize, responseDeserialize } = tidepoolService.getFunction;
        const call = () => new Promise((resolve, reject) => {
            client.makeUnaryRequest(path, requestSerialize, responseDeserialize, { name: "echo" }, (error, value) => (error === null ? resolve(value) : reject(error)));
        });
        await timesOf(warmUpCount, call);
        const times = await timesOf(callCount, call);
        client.close();
        return times;
    }
    finally {
        server.kill();
    }
}
async function measureSerial() {
    const guests = await openGuests();
    try {
        const template = await guests.hypervisor.ensureTemplate(config);
        const domain = await guests.hypervisor.clone(template, "bench-serial");
        const ping = pinger(domain.runtime);
        await timesOf(warmUpCount, ping);
        return { serial: await timesOf(callCount, ping), accelerator: guests.accelerator };
    }
    finally {
        await guests.close();
    }
}
async function measureWarm() {
    const system = await startSystem({ hypervisor: "qemu", env: { TIDEPOOL_POOL_BASE_TARGET: "1" } });
    try {
        const { client } = system;
        await client.createFunction("empty", { runtime: "nodejs20", handler: "index.handler" });
        await client.uploadCode("empty", await zipOf({ "index.js": "exports.handler = async () => {}" }));
        await timesOf(warmUpCount, () => client.invoke("empty"));
        return await timesOf(callCount, () => client.invoke("empty"));
    }
    finally {
        await system.stop();
    }
}
//# sourceMappingURL=warm.js.map