import assert from "node:assert/strict";
import { libvirtdPlace, vmUserFolder } from "./libvirtd-place.ts";

describe("libvirtdPlace", () => {
  it("is, for root, where the user of VMs can reach it, with images and templates beside it", () => {
    const place = libvirtdPlace("libvirt", "/root/data", {}, true);
    assert.match(place?.directory ?? "", /^\/var\/lib\/tidepool-vm\/[0-9a-f]{8}$/);
    assert.equal(place?.cacheDir, `${vmUserFolder}/cache`);
    assert.deepEqual(libvirtdPlace("libvirt", "/root/data", {}, true), place, "for each run");
    assert.notDeepEqual(libvirtdPlace("libvirt", "/root/other", {}, true), place);
    const named = { TIDEPOOL_CACHE_DIR: "/srv/cache" };
    assert.equal(libvirtdPlace("libvirt", "/root/data", named, true)?.cacheDir, "/srv/cache");
  });

  it("leaves an ordinary user's images where they are", () => {
    const place = libvirtdPlace("libvirt", "/home/ada/data", {}, false);
    assert.equal(place?.cacheDir, undefined);
    assert.doesNotMatch(place?.directory ?? vmUserFolder, /tidepool-vm/);
  });

  it("is none for another driver, or where a daemon is named", () => {
    assert.equal(libvirtdPlace("qemu", "/d", {}, true), undefined);
    for (const name of ["TIDEPOOL_LIBVIRT_URI", "TIDEPOOL_LIBVIRT_SOCKET"])
      assert.equal(libvirtdPlace("libvirt", "/d", { [name]: "x" }, true), undefined);
  });
});
