import assert from "node:assert/strict";
import { faultOfZipPath } from "./zip-path.ts";

describe("faultOfZipPath", () => {
  for (const path of ["index.js", "a/b.js", "a/", "..a/b..js", "a b/ü.js"]) {
    it(`takes '${path}'`, () => assert.equal(faultOfZipPath(path), undefined));
  }

  const outside = ["../a", "a/../../b", "a/..", "/etc/passwd", "/", "..\\a", "a\\b", "C:a", "c:/a"];
  for (const path of outside) {
    it(`finds '${path}' outside itself`, () =>
      assert.equal(faultOfZipPath(path), "outside itself"));
  }

  for (const path of ["", ".", "./a", "a//b", "a/./b", "a\0b"]) {
    it(`refuses ${JSON.stringify(path)} as not plain`, () =>
      assert.match(faultOfZipPath(path) ?? "", /empty part/));
  }
});
