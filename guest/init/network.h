/* The network card of a guest whose function asked for one; without it there is none. */
#pragma once

/* Its addresses are those of services/host-agent/src/guest-network/guest-side.ts. */
void bringUpNetwork(void);
