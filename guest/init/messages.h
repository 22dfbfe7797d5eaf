/* Reading protobuf messages of the host-agent, which is trusted: one that cannot be read ends the VM. */
#pragma once
#include <stdint.h>

enum { hostFrameMaxBytes = 16 * 1024 };

struct reader {
  const uint8_t *at, *end;
};

/* Reads one field: its number, and its value or (for length-delimited ones) its bytes. */
unsigned getField(struct reader *from, uint64_t *value, struct reader *bytes);
