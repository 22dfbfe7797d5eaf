import assert from "node:assert/strict";
import { tidepool, toTimestamp } from "@tidepool/proto";
import { hostSilenceMaxMs } from "../limits.ts";
import { HostsView, silentHostShownMs } from "./hosts-view.ts";

const nowMs = 1_000_000;
const { HostState } = tidepool.v1;
const aHeartbeat = (hostId: string, more: object = {}) => ({
  hostId,
  at: toTimestamp(nowMs),
  vmCount: 2,
  ...more,
});

describe("HostsView", () => {
  const stateOf = (more: object, drained: boolean, atMs = nowMs): unknown => {
    const view = new HostsView();
    view.heartbeat(aHeartbeat("h-1", more), nowMs);
    return view.list(new Map(drained ? [["h-1", nowMs]] : []), atMs)[0]?.state;
  };

  it("calls a host drained only when it knows of it and has no VM left", () => {
    assert.equal(stateOf({ vmCount: 0 }, true), HostState.HOST_STATE_DRAINING);
    assert.equal(stateOf({ isDrained: true }, true), HostState.HOST_STATE_DRAINING);
    assert.equal(stateOf({ isDrained: true, vmCount: 0 }, true), HostState.HOST_STATE_DRAINED);
    assert.equal(stateOf({}, false), HostState.HOST_STATE_READY);
  });

  it("tells hosts that stop, and those that are silent, whatever else they are", () => {
    assert.equal(stateOf({ isDraining: true }, false), HostState.HOST_STATE_STOPPING);
    assert.equal(stateOf({}, true, nowMs + hostSilenceMaxMs + 1), HostState.HOST_STATE_SILENT);
  });

  it("lists a drained host that was never heard, and forgets a silent one that is not drained", () => {
    const view = new HostsView();
    view.heartbeat(aHeartbeat("h-2"), nowMs);
    const drained = new Map([["h-9", 5]]);
    const namesAt = (atMs: number) => view.list(drained, atMs).map(({ hostId }) => hostId);
    assert.deepEqual(namesAt(nowMs), ["h-2", "h-9"]);
    assert.deepEqual(namesAt(nowMs + silentHostShownMs + 1), ["h-9"]);
  });

  it("sums the VMs that have a call", () => {
    const view = new HostsView();
    view.heartbeat(aHeartbeat("h-1", { functions: [{ busy: 2 }, { busy: 1 }, {}] }), nowMs);
    assert.equal(view.list(new Map(), nowMs)[0]?.busyCount, 3);
  });
});
