import assert from "node:assert/strict";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { debianSources, transportOptions } from "./debian-source.ts";

describe("debianSources", () => {
  let folder: string;
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), "tidepool-apt-"));
    await mkdir(join(folder, "sources.list.d"));
  });
  afterEach(async () => {
    await rm(folder, { recursive: true });
  });
  const sourcesFor = async (name: string, text: string): Promise<string[]> => {
    await writeFile(join(folder, name), text);
    const lines = (await debianSources(folder)).split("\n");
    return lines.filter((line) => /^(URIs|Suites)/.test(line));
  };

  it("takes the mirror of a host of the same release", async () => {
    const text =
      "Types: deb\nURIs: http://mirror/debian\nSuites: bookworm\n\n" +
      "Types: deb\nURIs: http://mirror/security\nSuites: bookworm-security\n";
    assert.deepEqual(await sourcesFor("sources.list.d/debian.sources", text), [
      "URIs: http://mirror/debian",
      "Suites: bookworm bookworm-updates",
      "URIs: http://mirror/security",
      "Suites: bookworm-security",
    ]);
  });

  it("asks a Debian mirror of another release for the guest's release", async () => {
    const text = "deb [signed-by=/k] http://mirror/debian trixie main\n";
    assert.deepEqual(await sourcesFor("sources.list", text), [
      "URIs: http://mirror/debian",
      "Suites: bookworm bookworm-updates",
    ]);
  });

  it("takes Debian's public mirror on an Ubuntu host", async () => {
    const text =
      "deb http://archive.ubuntu.com/ubuntu noble main\ndeb http://s/ubuntu noble-security main\n";
    assert.deepEqual(await sourcesFor("sources.list", text), [
      "URIs: http://deb.debian.org/debian",
      "Suites: bookworm bookworm-updates",
      "URIs: http://deb.debian.org/debian-security",
      "Suites: bookworm-security",
    ]);
  });

  it("does not take a source that is switched off, or of source packages", async () => {
    const text =
      "Enabled: no\nTypes: deb\nURIs: http://off/debian\nSuites: bookworm\n\n" +
      "Types: deb-src\nURIs: http://src/debian\nSuites: bookworm\n";
    const [uri] = await sourcesFor("sources.list.d/debian.sources", text);
    assert.equal(uri, "URIs: http://deb.debian.org/debian");
  });
});

describe("transportOptions", () => {
  it("keeps how the mirrors are reached, and nothing else", () => {
    const dump = [
      'APT::Architecture "amd64";',
      'Acquire::http::Proxy "http://proxy:3142";',
      'Acquire::https "";',
      'Acquire::Languages:: "en";',
      'Acquire::Check-Valid-Until "false";',
    ].join("\n");
    assert.deepEqual(transportOptions(dump), [
      'Acquire::http::Proxy "http://proxy:3142";',
      'Acquire::Check-Valid-Until "false";',
    ]);
  });
});
