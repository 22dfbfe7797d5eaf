/* What a clone may not have from its template: the time, and the kernel's randomness. */
#pragma once
#include "messages.h"

/* In the template, so that a clone need not. */
void openGenerator(void);

/* From a google.protobuf.Timestamp. */
void setClock(struct reader timestamp);

/* Mixes the bytes in, credits them, and has the kernel use them at once. */
void addEntropy(struct reader bytes);
