// SPDX-License-Identifier: Apache-2.0
package dev.ringtap.ebpf.vm;

/** Error numbers that helpers return, negated; asm-generic/errno.h. */
final class Errno {
    static final int ENOENT = 2;
    static final int E2BIG = 7;
    static final int EAGAIN = 11;
    static final int ENOMEM = 12;
    static final int EFAULT = 14;
    static final int EEXIST = 17;
    static final int EINVAL = 22;

    /** Not an errno that user space sees. */
    static final int ENOTSUPP = 524;

    private Errno() {}
}
