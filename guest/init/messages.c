#include "messages.h"
#include "base.h"

static uint64_t getVarint(struct reader *from) {
  uint64_t value = 0;
  for (int shift = 0; shift < 64; shift += 7) {
    if (from->at == from->end) fail("a control message ends in a number");
    uint8_t byte = *from->at++;
    value |= (uint64_t)(byte & 0x7f) << shift;
    if (byte < 0x80) return value;
  }
  fail("a control message has a number of more than 64 bits");
}

unsigned getField(struct reader *from, uint64_t *value, struct reader *bytes) {
  uint64_t tag = getVarint(from);
  *value = getVarint(from);
  if ((tag & 7) == 0) return (unsigned)(tag >> 3);
  if ((tag & 7) != 2) fail("a control message has a field of wire type %u", (unsigned)(tag & 7));
  if (*value > (uint64_t)(from->end - from->at)) fail("a control message is cut short");
  bytes->at = from->at;
  bytes->end = from->at += *value;
  return (unsigned)(tag >> 3);
}
