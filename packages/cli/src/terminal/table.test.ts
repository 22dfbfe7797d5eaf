import assert from "node:assert/strict";
import { renderTable } from "./table.ts";

describe("A table", () => {
  it("has columns as wide as their widest cell, numbers to the right, no trailing blanks", () => {
    const columns = [{ title: "NAME" }, { title: "CALLS", align: "right" }] as const;
    assert.equal(
      renderTable(columns, [
        ["heartbeat", "7"],
        ["b", "1200"],
      ]),
      "NAME       CALLS\nheartbeat      7\nb           1200\n",
    );
  });
});
