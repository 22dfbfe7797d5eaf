/** Whoever is woken by a warning finds it in docs/operations.md: every text that the services warn or fail with. */
import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { repositoryRoot } from "./repository.ts";

const folders = ["services", "packages/actors", "packages/common"];
const logged = /logger\??\.(?:warn|error)\(\s*"([^"]+)"/g;

function messagesIn(folder: string): readonly string[] {
  const entries = readdirSync(join(repositoryRoot, folder), { recursive: true, encoding: "utf8" });
  const sources = entries.filter(
    (path) => /(^|\/)src\/.*\.ts$/.test(path) && !/\.test\.ts$|testing\/|node_modules/.test(path),
  );
  return sources.flatMap((path) => {
    const text = readFileSync(join(repositoryRoot, folder, path), "utf8");
    return [...text.matchAll(logged)].map(([, message = ""]) => message);
  });
}

describe("docs/operations.md", () => {
  it("says what each warning and error in the logs means", () => {
    const messages = [...new Set(folders.flatMap(messagesIn))];
    assert.ok(messages.length > 40, `${messages.length} messages`);
    const text = readFileSync(join(repositoryRoot, "docs", "operations.md"), "utf8");
    const missing = messages.filter((message) => !text.includes(`\`${message}\``));
    assert.deepEqual(missing, []);
  });
});
