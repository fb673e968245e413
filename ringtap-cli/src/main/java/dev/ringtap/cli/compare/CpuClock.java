// SPDX-License-Identifier: Apache-2.0
package dev.ringtap.cli.compare;

import java.lang.management.ManagementFactory;
import java.lang.management.ThreadMXBean;

/** Time that this thread has spent on a processor: what others do meanwhile on a busy machine is not in it. */
final class CpuClock {
    private static final ThreadMXBean THREADS = ManagementFactory.getThreadMXBean();
    private static final boolean SUPPORTED = THREADS.isCurrentThreadCpuTimeSupported();

    private CpuClock() {}

    /** Nanoseconds since some moment; time by the wall where a virtual machine cannot tell. */
    static long nanoTime() {
        return SUPPORTED ? THREADS.getCurrentThreadCpuTime() : System.nanoTime();
    }
}
