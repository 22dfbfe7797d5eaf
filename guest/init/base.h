/* What every part of init needs: failing, waiting, small files. */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Says why on the console and ends the VM. */
void __attribute__((noreturn, format(printf, 1, 2))) fail(const char *format, ...);

/* Fails with errno unless `ok`. */
void must(bool ok, const char *what);

int64_t nowMs(void);
void sleepMs(int ms);

/* Ends the text with a zero; answers its length, 0 when there is none. */
size_t readSmallFile(const char *path, char *into, size_t size);
bool writeSmallFile(const char *path, const char *text);
void mustWriteIn(const char *folder, const char *name, const char *text);
