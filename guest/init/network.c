#include "network.h"
#include "base.h"
#include "boot.h"
#include <arpa/inet.h>
#include <net/if.h>
#include <net/route.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

static const char *const card = "eth0";
static const char *const ownAddress = "198.18.0.2";
static const char *const netmask = "255.255.255.0";
static const char *const gateway = "198.18.0.1";

static struct sockaddr addressOf(const char *text) {
  struct sockaddr_in address = {.sin_family = AF_INET};
  must(inet_pton(AF_INET, text, &address.sin_addr) == 1, text);
  struct sockaddr any;
  memcpy(&any, &address, sizeof any);
  return any;
}

/* One "nameserver" line each; they come with commas between them. */
static void writeResolvers(void) {
  FILE *file = fopen("/run/resolv.conf", "w");
  must(file != NULL, "/run/resolv.conf");
  char all[sizeof guest.resolvers], *rest = all;
  strcpy(all, guest.resolvers);
  for (char *each; (each = strsep(&rest, ",")) != NULL;) fprintf(file, "nameserver %s\n", each);
  must(fclose(file) == 0, "/run/resolv.conf");
}

void bringUpNetwork(void) {
  int any = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  must(any >= 0, "a socket");
  struct ifreq request;
  memset(&request, 0, sizeof request);
  strcpy(request.ifr_name, card);
  request.ifr_addr = addressOf(ownAddress);
  must(ioctl(any, SIOCSIFADDR, &request) == 0, "the network card's address");
  request.ifr_netmask = addressOf(netmask);
  must(ioctl(any, SIOCSIFNETMASK, &request) == 0, "the network card's netmask");
  memset(&request.ifr_ifru, 0, sizeof request.ifr_ifru);
  request.ifr_flags = IFF_UP;
  must(ioctl(any, SIOCSIFFLAGS, &request) == 0, "raising the network card");
  struct rtentry route;
  memset(&route, 0, sizeof route);
  route.rt_dst = addressOf("0.0.0.0");
  route.rt_genmask = addressOf("0.0.0.0");
  route.rt_gateway = addressOf(gateway);
  route.rt_flags = RTF_UP | RTF_GATEWAY;
  must(ioctl(any, SIOCADDRT, &route) == 0, "the route out");
  close(any);
  writeResolvers();
}
