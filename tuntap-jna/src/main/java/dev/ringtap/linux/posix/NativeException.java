// SPDX-License-Identifier: Apache-2.0
package dev.ringtap.linux.posix;

import java.io.IOException;

/**
 * A fault of the host: a system call that failed although what was asked for was well formed. The message says what
 * was being done, which call failed and why, for example {@code cannot open the TAP device tap0: open /dev/net/tun:
 * Permission denied (EACCES)}.
 */
public final class NativeException extends IOException {
    private static final long serialVersionUID = 1L;

    private final String call;
    private final int errno;

    /**
     * @param call the failed call and what tells it from others of its name, for example {@code ioctl TUNSETIFF}
     * @param errno the positive error number
     * @param doing what it was for, for example {@code cannot open the TAP device tap0}
     */
    public NativeException(String call, int errno, String doing) {
        super(doing + ": " + call + ": " + Errno.describe(errno));
        this.call = call;
        this.errno = errno;
    }

    /** The failed call. */
    public String call() {
        return call;
    }

    /** The positive error number; compare it with the constants of {@link Errno}. */
    public int errno() {
        return errno;
    }

    /**
     * Turns the negated errno of a {@link Posix} method into an exception. For the control plane: the texts are made
     * whether the call failed or not.
     *
     * @return {@code result}, if it is not negative
     */
    public static int check(int result, String call, String doing) throws NativeException {
        if (result < 0) throw new NativeException(call, -result, doing);
        return result;
    }

    /** As {@link #check(int, String, String)}, for calls that return a {@code long}. */
    public static long check(long result, String call, String doing) throws NativeException {
        if (result < 0) throw new NativeException(call, (int) -result, doing);
        return result;
    }
}
