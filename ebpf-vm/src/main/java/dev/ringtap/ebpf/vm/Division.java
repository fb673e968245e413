// SPDX-License-Identifier: Apache-2.0
package dev.ringtap.ebpf.vm;

/** Divisions with the ends that eBPF gives them, by zero and by -1 too: what compiled programs call. */
final class Division {
    private Division() {}

    static long div(long a, long b) {
        return b == 0 ? 0 : Long.divideUnsigned(a, b);
    }

    static long sdiv(long a, long b) {
        return b == 0 ? 0 : a / b;
    }

    static long mod(long a, long b) {
        return b == 0 ? a : Long.remainderUnsigned(a, b);
    }

    static long smod(long a, long b) {
        return b == 0 ? a : a % b;
    }

    static int div(int a, int b) {
        return b == 0 ? 0 : Integer.divideUnsigned(a, b);
    }

    static int sdiv(int a, int b) {
        return b == 0 ? 0 : a / b;
    }

    static int mod(int a, int b) {
        return b == 0 ? a : Integer.remainderUnsigned(a, b);
    }

    static int smod(int a, int b) {
        return b == 0 ? a : a % b;
    }
}
