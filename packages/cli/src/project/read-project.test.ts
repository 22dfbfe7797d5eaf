import assert from "node:assert/strict";
import { parseProject } from "./read-project.ts";

function complaintsOf(text: string): readonly string[] {
  try {
    parseProject(text, "p.yaml");
  } catch (error) {
    return (error as Error).message.split("\n");
  }
  return [];
}

describe("A project file", () => {
  it("gives durations in milliseconds and an environment in text", () => {
    const { functions } = parseProject(
      "functions:\n  a:\n    timeout: 90s\n    environment: {PORT: 8080, ON: true}\n    url: true\n    schedules: {n: {every: 5m}}\n",
      "p.yaml",
    );
    const a = functions["a"];
    assert.equal(a?.timeout, 90_000);
    assert.deepEqual(a?.environment, { PORT: "8080", ON: "true" });
    assert.deepEqual(a?.url, {});
    assert.equal(a?.schedules?.["n"]?.every, 300_000);
  });

  it("tells every mistake at its line and column, in their order", () => {
    const text = [
      "functions:",
      "  hello:",
      "    memry: 128",
      "    timeout: 30",
      "    provisioned:",
      "      - count: 0",
      '  "bad name": {}',
      "  w:",
      "    memory: 1.5",
      "    async: {onSuccess: {function: 'a b'}}",
      "    schedules:",
      "      n: {cron: '* * * * *', every: 5m}",
      "      o: {cron: '61 * * * *'}",
      "      p:",
      "        cron: '@daily'",
      "        timeZone: Mars/Base",
    ].join("\n");
    assert.deepEqual(complaintsOf(text), [
      "p.yaml:3:5 functions.hello.memry is not known here",
      "p.yaml:4:5 functions.hello.timeout must be a duration such as 30s, 5m or 2h",
      "p.yaml:6:9 functions.hello.provisioned.0.count must be more than 0",
      'p.yaml:7:3 functions.bad name must be 1 to 64 letters, digits, "-" or "_"',
      "p.yaml:9:5 functions.w.memory must be a whole number",
      'p.yaml:10:25 functions.w.async.onSuccess.function must be 1 to 64 letters, digits, "-" or "_"',
      "p.yaml:12:7 functions.w.schedules.n needs exactly one of cron, every, at",
      "p.yaml:13:11 functions.w.schedules.o.cron cron expression '61 * * * *' cannot be read: Invalid value for minute: 61",
      "p.yaml:16:9 functions.w.schedules.p.timeZone time zone 'Mars/Base' is not known; it is an IANA name, as in Europe/Berlin",
    ]);
  });

  it("names the place of what is no YAML, and what an empty file lacks", () => {
    assert.match(complaintsOf("functions: [a\nb: ")[0] ?? "", /^p\.yaml:2:1 /);
    assert.deepEqual(complaintsOf(""), ["p.yaml:1:1 must be a map of names to values"]);
    assert.deepEqual(complaintsOf("functions:\n  a: {}\n  a: {}\n").length, 1);
  });
});
