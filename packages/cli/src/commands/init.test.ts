import assert from "node:assert/strict";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { checkHandler, readCode } from "../code/archive.ts";
import { readProject } from "../project/read-project.ts";
import type { CommandContext } from "../program/parts.ts";
import { aTerminal } from "../testing/a-terminal.ts";
import { init, templates } from "./init.ts";

describe("tidepool init", () => {
  let dir = "";
  before(async () => (dir = await mkdtemp(join(tmpdir(), "tidepool-init-"))));
  after(() => rm(dir, { recursive: true, force: true }));

  const { terminal } = aTerminal();
  const context: CommandContext = { terminal, env: {}, setExitCode: () => {} };

  for (const template of templates) {
    it(`makes a folder from the template ${template} that can be deployed as it is`, async () => {
      const folder = join(dir, `greet-${template}`);
      await init(folder, { template }, context);
      const project = await readProject(folder);
      assert.deepEqual(Object.keys(project?.functions ?? {}), [`greet-${template}`]);
      const handler = project?.functions[`greet-${template}`]?.handler ?? "";
      const archive = await readCode(folder, handler);
      assert.ok(!archive.files.includes("tidepool.yaml"));
      if (template !== "python") checkHandler(handler, archive, folder);
      assert.deepEqual(JSON.parse(await readFile(join(folder, "event.json"), "utf8")), {
        name: "Ada",
      });
    });
  }

  it("refuses a folder that holds something, and a name that no function can have", async () => {
    await writeFile(join(dir, "there"), "");
    await assert.rejects(init(dir, { template: "node" }, context), { code: "alreadyExists" });
    await assert.rejects(init(join(dir, "a b"), { template: "node" }, context), {
      code: "invalid",
      message: /'a b'/,
    });
  });
});
