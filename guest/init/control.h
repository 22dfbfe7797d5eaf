/* The control port's incoming side: what the host-agent asks of init. */
#pragma once

/* Reads what has come. */
void receive(void);
/* Does what has come completely, while there is room for the answers. */
void takeFrames(void);
