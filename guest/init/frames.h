/* Part of init.c, which includes it once: the few protobuf fields it writes, and the reading of any. */

/* ---- frames out ---- */

static uint8_t outgoing[outgoingMaxBytes + replyMaxBytes];
static size_t outgoingStart, outgoingEnd;

static size_t room(void) { return sizeof outgoing - outgoingEnd; }

static void sendOutgoing(void) {
  while (outgoingStart < outgoingEnd) {
    ssize_t count = write(controlPort, outgoing + outgoingStart, outgoingEnd - outgoingStart);
    if (count <= 0) break;
    outgoingStart += (size_t)count;
  }
  if (outgoingStart == outgoingEnd) outgoingStart = outgoingEnd = 0;
}

static size_t varintBytes(uint32_t value) {
  size_t count = 1;
  while (value >= 0x80) value >>= 7, count++;
  return count;
}

static void putByte(uint8_t value) { outgoing[outgoingEnd++] = value; }

static void putVarint(uint32_t value) {
  while (value >= 0x80) putByte((uint8_t)(value | 0x80)), value >>= 7;
  putByte((uint8_t)value);
}

/* Begins a frame with a GuestControl whose member `field` is a message of `bodyBytes`. */
static void beginFrame(unsigned field, size_t bodyBytes) {
  uint32_t total = (uint32_t)(1 + varintBytes((uint32_t)bodyBytes) + bodyBytes);
  for (int shift = 0; shift < 32; shift += 8) putByte((uint8_t)(total >> shift));
  putByte((uint8_t)(field << 3 | 2));
  putVarint((uint32_t)bodyBytes);
}

static void putString(unsigned field, const char *text) {
  putByte((uint8_t)(field << 3 | 2));
  putVarint((uint32_t)strlen(text));
  memcpy(outgoing + outgoingEnd, text, strlen(text));
  outgoingEnd += strlen(text);
}

static void sendTemplateId(unsigned field) {
  beginFrame(field, 1 + varintBytes((uint32_t)strlen(templateId)) + strlen(templateId));
  putString(1, templateId);
}

static void sendNumber(unsigned field, uint32_t value) {
  beginFrame(field, 1 + varintBytes(value));
  putByte(1 << 3);
  putVarint(value);
}

struct reader {
  const uint8_t *at, *end;
};

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

/* Reads one field: its number, and its value or (for length-delimited ones) its bytes. */
static unsigned getField(struct reader *from, uint64_t *value, struct reader *bytes) {
  uint64_t tag = getVarint(from);
  *value = getVarint(from);
  if ((tag & 7) == 0) return (unsigned)(tag >> 3);
  if ((tag & 7) != 2) fail("a control message has a field of wire type %u", (unsigned)(tag & 7));
  if (*value > (uint64_t)(from->end - from->at)) fail("a control message is cut short");
  bytes->at = from->at;
  bytes->end = from->at += *value;
  return (unsigned)(tag >> 3);
}
