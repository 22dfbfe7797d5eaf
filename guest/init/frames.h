/*
 * Frames from init to the host-agent, through a buffer of fixed size. They are protobuf
 * (proto/tidepool/guest/v1/guest.proto) written by hand: a handful of flat messages do not justify a C
 * protobuf library in an initramfs.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
  outputChunkMaxBytes = 32 * 1024,
  /* Every frame but one of output is smaller. */
  replyMaxBytes = 512,
};

extern int controlPort;

/* Bytes that can be added; whoever begins a frame has asked. */
size_t room(void);
bool hasOutgoing(void);
/* As much as the port takes now. */
void sendOutgoing(void);

size_t varintBytes(uint32_t value);
void putByte(uint8_t value);
void putBytes(const void *bytes, size_t count);
void putVarint(uint32_t value);

/* Begins a frame with a GuestControl whose member `field` is a message of `bodyBytes`. */
void beginFrame(unsigned field, size_t bodyBytes);
void sendTemplateId(unsigned field);
void sendNumber(unsigned field, uint32_t value);
