import assert from "node:assert/strict";
import { readEnvironment } from "./config.ts";

const read = (env: NodeJS.ProcessEnv): object =>
  readEnvironment(env, (reader) => ({
    url: reader.text("URL", "nats://127.0.0.1:4222"),
    count: reader.integer("COUNT", 8, { min: 1, max: 64 }),
    driver: reader.oneOf("DRIVER", "qemu", ["qemu", "libvirt"]),
    isShadow: reader.flag("SHADOW", false),
  }));

describe("readEnvironment", () => {
  it("gives defaults where nothing is set", () => {
    assert.deepEqual(read({}), {
      url: "nats://127.0.0.1:4222",
      count: 8,
      driver: "qemu",
      isShadow: false,
    });
  });

  it("names every wrong variable and its limits in one error", () => {
    assert.throws(() => read({ COUNT: "65", DRIVER: "xen", SHADOW: "maybe" }), {
      code: "invalid",
      message:
        "configuration: COUNT must be an integer from 1 to 64, got '65'; DRIVER must be one of qemu, libvirt, got 'xen'; SHADOW must be true or false, got 'maybe'",
    });
  });

  for (const bad of ["", " ", "1.5", "abc", "0", "1e9"]) {
    it(`refuses '${bad}' as a count`, () => assert.throws(() => read({ COUNT: bad }), /COUNT/));
  }

  it("cannot be changed afterwards", () => {
    assert.throws(() => Object.assign(read({}), { count: 9 }), TypeError);
  });
});
