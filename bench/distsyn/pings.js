import { FrameChannel } from "@tidepool/host-agent/measuring";
import { tidepool } from "@tidepool/proto";
const { GuestRuntime, HostRuntime } = tidepool.guest.v1;
/** @returns sends one ping and resolves with its pong */
export function pinger(runtime) {
    let id = 0;
    let onPong = () => { };
    let onEnd = () => { };
    const channel = new FrameChannel(runtime, {
        onFrame: (frame) => {
            if (GuestRuntime.decode(frame).pong?.id === id)
                onPong();
        },
        onEnd: (error) => onEnd(error),
    });
    return () => new Promise((resolve, reject) => {
        id += 1;
        onPong = resolve;
        onEnd = reject;
        channel.send(HostRuntime.encode({ ping: { id } }).finish());
    });
}
//# sourceMappingURL=pings.js.map