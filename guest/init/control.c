#include "control.h"
#include "base.h"
#include "boot.h"
#include "frames.h"
#include "messages.h"
#include "output.h"
#include "renew.h"
#include <string.h>
#include <unistd.h>

/* A guest that is not what the host thinks it cloned answers with its own id and changes nothing. */
static void restore(struct reader message) {
  struct reader id = {0}, now = {0}, entropy = {0};
  while (message.at < message.end) {
    uint64_t value;
    struct reader bytes = {0};
    unsigned field = getField(&message, &value, &bytes);
    if (field == 1) id = bytes;
    if (field == 2) now = bytes;
    if (field == 3) entropy = bytes;
  }
  size_t length = (size_t)(id.end - id.at);
  if (length == strlen(guest.templateId) && memcmp(id.at, guest.templateId, length) == 0) {
    setClock(now);
    addEntropy(entropy);
  }
  sendTemplateId(2);
}

static void take(struct reader frame) {
  uint64_t value;
  struct reader body = {0}, inner = {0};
  switch (getField(&frame, &value, &body)) {
  case 1:
    restore(body);
    return;
  case 2:
    getField(&body, &value, &inner);
    setClock(inner);
    beginFrame(3, 0);
    return;
  case 3:
    value = 0; /* proto3 leaves a zero out */
    if (body.at < body.end) getField(&body, &value, &inner);
    promiseFlushed((uint32_t)value);
    return;
  default:
    fail("an unknown control message came");
  }
}

static uint8_t incoming[4 + hostFrameMaxBytes];
static size_t incomingBytes;

void receive(void) {
  ssize_t count = read(controlPort, incoming + incomingBytes, sizeof incoming - incomingBytes);
  if (count <= 0) return;
  incomingBytes += (size_t)count;
}

void takeFrames(void) {
  while (incomingBytes >= 4 && room() >= replyMaxBytes) {
    uint32_t length = (uint32_t)incoming[0] | (uint32_t)incoming[1] << 8 | (uint32_t)incoming[2] << 16 |
                      (uint32_t)incoming[3] << 24;
    if (length == 0 || length > hostFrameMaxBytes) fail("a control frame of %u bytes came, limit is %d", length, hostFrameMaxBytes);
    if (incomingBytes < 4 + (size_t)length) return;
    take((struct reader){incoming + 4, incoming + 4 + length});
    incomingBytes -= 4 + (size_t)length;
    memmove(incoming, incoming + 4 + length, incomingBytes);
  }
}
