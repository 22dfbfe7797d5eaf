import assert from "node:assert/strict";
import { OwnEcho } from "./own-echo.ts";

describe("OwnEcho", () => {
  it("is deaf for as long as nothing of its own has been heard that should have been", () => {
    const echo = new OwnEcho();
    assert.equal(echo.hasHeard, false);
    echo.wrote(5, 1_000);
    echo.wrote(8, 2_000);
    assert.equal(echo.deafMs(2_500), 1_500);
    echo.heard(5, 2_600);
    assert.equal(echo.hasHeard, true);
    assert.equal(echo.deafMs(2_700), 100, "the later one is still to come");
    echo.heard(8, 2_800);
    assert.equal(echo.deafMs(9_000), 0);
  });

  it("is not deaf when it hears before it is told that it has written", () => {
    const echo = new OwnEcho();
    echo.heard(5, 1_000);
    echo.wrote(5, 990);
    assert.equal(echo.deafMs(9_000), 0);
  });

  it("has heard all until what it heard last of its own was sent, in whatever order it is told of that", () => {
    const echo = new OwnEcho();
    echo.wrote(5, 1_000);
    echo.wrote(8, 2_000);
    assert.equal(echo.hasHeardUntilMs, Number.NEGATIVE_INFINITY);
    echo.heard(5, 2_500);
    assert.equal(echo.hasHeardUntilMs, 1_000);
    echo.heard(9, 3_500);
    assert.equal(echo.hasHeardUntilMs, 2_000);
    echo.wrote(9, 3_000);
    assert.equal(echo.hasHeardUntilMs, 3_000);
  });

  it("counts as deaf while writing only what it wrote without a pause, from the first that it did not hear", () => {
    const echo = new OwnEcho(2_000);
    echo.heard(4, 0);
    echo.wrote(5, 1_000);
    assert.equal(echo.deafWhileWritingMs, 0);
    echo.wrote(6, 2_500);
    assert.equal(echo.deafWhileWritingMs, 1_500);
    echo.wrote(7, 9_000); // nobody could write meanwhile
    assert.equal(echo.deafWhileWritingMs, 0);
    assert.equal(echo.deafMs(9_000), 8_000, "it has heard nothing all the same");
    echo.wrote(8, 10_500);
    assert.equal(echo.deafWhileWritingMs, 1_500);
    echo.heard(8, 10_600);
    assert.equal(echo.deafWhileWritingMs, 0);
  });
});
