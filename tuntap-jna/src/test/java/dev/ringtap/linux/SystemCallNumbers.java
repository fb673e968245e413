// SPDX-License-Identifier: Apache-2.0
package dev.ringtap.linux;

/** Numbers of system calls, which differ between machines. */
final class SystemCallNumbers {
    private SystemCallNumbers() {}

    /** The one of the machine this runs on. */
    static long of(long x86, long arm) {
        return switch (System.getProperty("os.arch")) {
            case "amd64" -> x86;
            case "aarch64" -> arm;
            case String other -> throw new UnsupportedOperationException("system call numbers of " + other);
        };
    }
}
