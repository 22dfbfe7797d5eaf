/* The language runtime's process: an unprivileged user in a cgroup, its output in two pipes. */
#pragma once
#include <sys/types.h>

/* 0 once it has ended. */
extern pid_t runtimePid;

/* stdout and stderr: the ends that init reads; -1 once closed. */
extern int outputPipes[2];

void startRuntime(void);
