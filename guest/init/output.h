/*
 * What the runtime prints, on its way to the host-agent, and the two messages that must not overtake it.
 * Output is read from its pipes only while there is room to pass it on, so a flood of it blocks the
 * printing process and costs no memory.
 */
#pragma once
#include <stdbool.h>
#include <stdint.h>

bool hasRoomForOutput(void);
void forwardOutput(void);

/* Flushed is sent when all that waits in the pipes now has been forwarded. */
void promiseFlushed(uint32_t id);
bool owesOutput(void);
void keepPromises(void);

/* Takes note of ended processes; the runtime's end is a promise too: RuntimeExited. */
void reap(int signals);
