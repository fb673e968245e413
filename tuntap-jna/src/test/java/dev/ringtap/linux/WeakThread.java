// SPDX-License-Identifier: Apache-2.0
package dev.ringtap.linux;

import dev.ringtap.linux.posix.NativeException;
import dev.ringtap.linux.posix.Posix;
import java.lang.foreign.Arena;
import java.lang.foreign.ValueLayout;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.FutureTask;

/**
 * Runs work on a thread that gave up its privileges, while the rest of the process keeps them: in Linux both
 * capabilities and user ids belong to the thread. It is in the network namespace of the thread that starts it.
 */
public final class WeakThread {
    private static final int LINUX_CAPABILITY_VERSION_3 = 0x20080522;

    private WeakThread() {}

    /** Without any capability, but still as the same user. */
    public static <T> T callWithoutCapabilities(Callable<T> work) throws Exception {
        return call(work, WeakThread::dropCapabilities);
    }

    /** As another user, without any capability. */
    public static <T> T callAsUser(int uid, Callable<T> work) throws Exception {
        return call(work, () -> {
            long setresuid = SystemCallNumbers.of(117, 147);
            NativeException.check(
                    Posix.syscall(setresuid, uid, uid, uid, 0, 0, 0), "setresuid", "cannot become user " + uid);
            dropCapabilities();
        });
    }

    private interface Weakening {
        void apply() throws NativeException;
    }

    private static <T> T call(Callable<T> work, Weakening weakening) throws Exception {
        var task = new FutureTask<T>(() -> {
            weakening.apply();
            return work.call();
        });
        var thread = Thread.ofPlatform().name("weak").start(task);
        thread.join();
        try {
            return task.get();
        } catch (ExecutionException e) {
            if (e.getCause() instanceof Exception cause) throw cause;
            throw e;
        }
    }

    // struct __user_cap_header_struct, then three words for each half of the capabilities: all zero.
    private static void dropCapabilities() throws NativeException {
        try (var arena = Arena.ofConfined()) {
            var header = arena.allocateFrom(ValueLayout.JAVA_INT, LINUX_CAPABILITY_VERSION_3, 0);
            var none = arena.allocate(24, 4);
            long capset = SystemCallNumbers.of(126, 91);
            NativeException.check(
                    Posix.syscall(capset, header.address(), none.address(), 0, 0, 0, 0),
                    "capset",
                    "cannot give up capabilities");
        }
    }
}
