#include "frames.h"
#include "boot.h"
#include <string.h>
#include <unistd.h>

enum { outgoingMaxBytes = 2 * outputChunkMaxBytes };

int controlPort = -1;

static uint8_t outgoing[outgoingMaxBytes + replyMaxBytes];
static size_t outgoingStart, outgoingEnd;

size_t room(void) { return sizeof outgoing - outgoingEnd; }

bool hasOutgoing(void) { return outgoingStart < outgoingEnd; }

void sendOutgoing(void) {
  while (hasOutgoing()) {
    ssize_t count = write(controlPort, outgoing + outgoingStart, outgoingEnd - outgoingStart);
    if (count <= 0) break;
    outgoingStart += (size_t)count;
  }
  if (outgoingStart == outgoingEnd) outgoingStart = outgoingEnd = 0;
}

size_t varintBytes(uint32_t value) {
  size_t count = 1;
  while (value >= 0x80) value >>= 7, count++;
  return count;
}

void putByte(uint8_t value) { outgoing[outgoingEnd++] = value; }

void putBytes(const void *bytes, size_t count) {
  memcpy(outgoing + outgoingEnd, bytes, count);
  outgoingEnd += count;
}

void putVarint(uint32_t value) {
  while (value >= 0x80) putByte((uint8_t)(value | 0x80)), value >>= 7;
  putByte((uint8_t)value);
}

void beginFrame(unsigned field, size_t bodyBytes) {
  uint32_t total = (uint32_t)(1 + varintBytes((uint32_t)bodyBytes) + bodyBytes);
  for (int shift = 0; shift < 32; shift += 8) putByte((uint8_t)(total >> shift));
  putByte((uint8_t)(field << 3 | 2));
  putVarint((uint32_t)bodyBytes);
}

static void putString(unsigned field, const char *text) {
  putByte((uint8_t)(field << 3 | 2));
  putVarint((uint32_t)strlen(text));
  putBytes(text, strlen(text));
}

void sendTemplateId(unsigned field) {
  beginFrame(field, 1 + varintBytes((uint32_t)strlen(guest.templateId)) + strlen(guest.templateId));
  putString(1, guest.templateId);
}

void sendNumber(unsigned field, uint32_t value) {
  beginFrame(field, 1 + varintBytes(value));
  putByte(1 << 3);
  putVarint(value);
}
