/**
 * The network card of a guest, and the network that its own QEMU makes of nothing behind it: the guest's frames
 * become sockets of that QEMU process, which is in the namespace of guest-network.ts. Guests share no wire.
 * guest/init/network.c has the same addresses.
 */

/** For measuring networks, so that no network that is in use is hidden by it. */
const net = "198.18.0.0/24";
const gateway = "198.18.0.1";
/** QEMU's own resolver asks whom QEMU would ask; guests are told of others. */
const unusedResolver = "198.18.0.3";

export const networkCardArguments: readonly string[] = [
  "-netdev",
  `user,id=net,ipv6=off,net=${net},host=${gateway},dns=${unusedResolver}`,
  "-device",
  "virtio-net-device,netdev=net",
];

/** For the kernel command line of a guest that has the card. */
export const resolversWord = (resolvers: readonly string[]): string =>
  `tidepool.resolvers=${resolvers.join(",")}`;
