/*
 * PID 1 of a Tidepool guest. It brings the guest up, starts the language runtime as an unprivileged user
 * inside a cgroup, and then answers the host-agent on the control port until the VM is destroyed.
 *
 *   boot      mounts, modules, cgroup     control   what the host-agent asks    messages   reading protobuf
 *   runtime   the runtime's process       output    what the runtime prints     frames     writing protobuf
 *   network   the card of some guests     renew     clock and randomness        base       failing, small files
 *
 * Rules the code cannot show:
 * - One thread, one poll loop, fixed buffers.
 * - It runs from the initramfs and keeps running after the root has been switched; it never execs.
 * - A guest whose host-agent has been gone for hostGoneMaxMs ends itself, so an orphan cannot spin.
 */
#include "base.h"
#include "boot.h"
#include "control.h"
#include "frames.h"
#include "network.h"
#include "output.h"
#include "renew.h"
#include "runtime.h"
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/signalfd.h>

enum { hostGoneMaxMs = 10000 };

static void serve(int signals) {
  int64_t hostGoneSinceMs = 0;
  for (;;) {
    bool wantsOutput = hasRoomForOutput();
    struct pollfd waits[] = {
        {controlPort, (short)(POLLIN | (hasOutgoing() ? POLLOUT : 0)), 0},
        {signals, POLLIN, 0},
        {wantsOutput ? outputPipes[0] : -1, POLLIN, 0},
        {wantsOutput ? outputPipes[1] : -1, POLLIN, 0},
    };
    if (poll(waits, 4, -1) < 0 && errno != EINTR) fail("poll: %s", strerror(errno));
    if (waits[0].revents & POLLHUP) {
      if (hostGoneSinceMs == 0) hostGoneSinceMs = nowMs();
      if (nowMs() - hostGoneSinceMs > hostGoneMaxMs) fail("the host-agent has been gone for %d ms", hostGoneMaxMs);
      sleepMs(50);
    } else {
      hostGoneSinceMs = 0;
    }
    if (waits[0].revents & POLLIN) receive();
    takeFrames();
    if (waits[1].revents & POLLIN) reap(signals);
    if ((waits[2].revents | waits[3].revents) != 0 || owesOutput()) forwardOutput();
    keepPromises();
    sendOutgoing();
  }
}

int main(void) {
  bringUp();
  if (guest.resolvers[0] != 0) bringUpNetwork();

  sigset_t children;
  sigemptyset(&children);
  sigaddset(&children, SIGCHLD);
  sigprocmask(SIG_BLOCK, &children, NULL);
  int signals = signalfd(-1, &children, SFD_NONBLOCK | SFD_CLOEXEC);
  must(signals >= 0, "signalfd");

  openGenerator();
  controlPort = waitForPort("tidepool.control");
  startRuntime();
  sendTemplateId(1);
  sendOutgoing();
  serve(signals);
}
