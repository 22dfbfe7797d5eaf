/** deploy/kubernetes: manifests by the API's own schemas, and what they say of us by what is so. */
import assert from "node:assert/strict";
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { hostPackages } from "@tidepool/guest";
import { parseAllDocuments, parse } from "yaml";
import { readSource, repositoryRoot } from "./repository.ts";

interface Manifest {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: { readonly name: string };
}

const folder = "deploy/kubernetes";
const files = readdirSync(join(repositoryRoot, folder)).filter(
  (name) => name.endsWith(".yaml") && name !== "kustomization.yaml",
);
const manifests = files.flatMap((file) =>
  parseAllDocuments(readSource(join(folder, file))).map((document) => {
    assert.deepEqual(document.errors, []);
    return { file, manifest: document.toJS() as Manifest };
  }),
);

/** Throws where the manifest is not what the API takes. */
async function validate(manifest: Manifest): Promise<void> {
  const { apiVersion, kind } = manifest;
  const models = (await import(`kubernetes-models/${apiVersion}`)) as Record<
    string,
    new (data: object) => { validate(): void }
  >;
  const Model = models[kind];
  assert.ok(Model, `${apiVersion} has no ${kind}`);
  new Model(manifest).validate();
}

describe("deploy/kubernetes", () => {
  it("lists every manifest, once", () => {
    const { resources } = parse(readSource(join(folder, "kustomization.yaml"))) as {
      resources: string[];
    };
    assert.deepEqual(resources.toSorted(), files.toSorted());
    assert.equal(manifests.length, 10);
  });

  for (const { file, manifest } of manifests) {
    it(`has a ${manifest.kind} ${manifest.metadata.name} in ${file} that the API's schema takes`, () =>
      validate(manifest));
  }

  it("would be refused with a wrong type", async () => {
    const [deployment] = manifests.filter(({ manifest }) => manifest.kind === "Deployment");
    const spoiled = JSON.parse(
      JSON.stringify(deployment?.manifest).replace('"replicas":2', '"replicas":"two"'),
    ) as Manifest;
    await assert.rejects(validate(spoiled), /replicas must be integer/);
  });

  it("sets no variable that docs/operations.md does not name", () => {
    const operations = readSource("docs/operations.md");
    const sources = [...files, "kustomization.yaml"].map((file) => readSource(join(folder, file)));
    const named = new Set(sources.flatMap((source) => source.match(/TIDEPOOL_[A-Z_]+/g) ?? []));
    assert.ok(named.size > 8);
    assert.deepEqual(
      [...named].filter((name) => !operations.includes(`\`${name}\``)),
      [],
    );
  });

  it("installs in the image what a host needs", () => {
    const dockerfile = readSource(join(folder, "Dockerfile"));
    for (const { debianName } of hostPackages)
      assert.ok(dockerfile.includes(` ${debianName} `), debianName);
  });

  it("takes into the image every workspace and what builds it, and nothing that is not named", () => {
    const { workspaces } = JSON.parse(readSource("package.json")) as { workspaces: string[] };
    const lines = readSource(join(folder, "Dockerfile.dockerignore")).split("\n");
    const [all, ...named] = lines.filter((line) => line !== "" && !line.startsWith("#"));
    assert.equal(all, "*");
    const needed = [...workspaces.map((each) => each.replace("/*", "")), "package-lock.json"];
    assert.deepEqual(
      needed.filter((each) => !named.includes(`!${each}`)),
      [],
    );
    for (const left of ["**/node_modules", "**/*.pem"]) assert.ok(named.includes(left), left);
  });
});
