import assert from "node:assert/strict";
import { readEnvironment } from "@tidepool/common";
import { findSocket, parseLibvirtUri, readLibvirtAddress, socketPathMaxBytes } from "./address.ts";

const user = { runtimeDirectory: "/run/user/1000", isRoot: false };

describe("parseLibvirtUri", () => {
  it("looks for a user's session daemon in the runtime directory, the modular one first", () => {
    assert.deepEqual(parseLibvirtUri("qemu:///session", user).socketPaths, [
      "/run/user/1000/libvirt/virtqemud-sock",
      "/run/user/1000/libvirt/libvirt-sock",
    ]);
  });

  it("sends root's session to the machine's daemon, as libvirt does", () => {
    const { socketPaths } = parseLibvirtUri("qemu:///session", { ...user, isRoot: true });
    assert.equal(socketPaths[0], "/run/libvirt/virtqemud-sock");
  });

  it("takes the socket out of the URI, and a configured one before that", () => {
    const uri = "qemu:///session?socket=/run/a%20b";
    assert.deepEqual(parseLibvirtUri(uri, user).socketPaths, ["/run/a b"]);
    assert.deepEqual(parseLibvirtUri(uri, { ...user, socket: "/run/c" }).socketPaths, ["/run/c"]);
  });

  for (const uri of ["qemu+ssh://host/system", "xen:///system", "qemu:///embed", ""])
    it(`refuses '${uri}' and names it`, () => {
      assert.throws(() => parseLibvirtUri(uri, user), {
        code: "invalid",
        message: new RegExp(`got '${uri.replaceAll("+", "\\+")}'$`),
      });
    });

  it("refuses a socket path that the kernel could not connect, with the limit", () => {
    const socket = `/${"x".repeat(socketPathMaxBytes)}`;
    assert.throws(() => parseLibvirtUri("qemu:///session", { ...user, socket }), /limit is 107/);
  });
});

describe("readLibvirtAddress", () => {
  const socketIn = (env: NodeJS.ProcessEnv): string | undefined =>
    readEnvironment(env, (reader) => ({ address: readLibvirtAddress(reader) })).address
      .socketPaths[0];

  it("finds the private daemon by its directory, and a named socket before that", () => {
    const env = { TIDEPOOL_LIBVIRTD_DIR: "/tmp/own" };
    assert.equal(socketIn(env), "/tmp/own/run/libvirt/libvirt-sock");
    assert.equal(socketIn({ ...env, TIDEPOOL_LIBVIRT_SOCKET: "/run/other" }), "/run/other");
  });

  it("reports a URI that it cannot use with the other problems of the configuration", () => {
    assert.throws(() => socketIn({ TIDEPOOL_LIBVIRT_URI: "xen:///system" }), {
      code: "invalid",
      message: /^configuration: libvirt URI must be/,
    });
  });
});

describe("findSocket", () => {
  it("names the places where it looked when there is no daemon", () => {
    const address = parseLibvirtUri("qemu:///session?socket=/nowhere/sock", user);
    assert.throws(() => findSocket(address), { code: "unavailable", message: /\/nowhere\/sock/ });
  });
});
