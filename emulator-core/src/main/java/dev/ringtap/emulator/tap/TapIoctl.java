// SPDX-License-Identifier: Apache-2.0
package dev.ringtap.emulator.tap;

import java.lang.foreign.MemorySegment;

/**
 * Where an ioctl of a TAP goes: the kernel, or an emulated TAP, which read the same bytes. For the kernel's it is
 * {@code (request, argument) -> Posix.ioctl(fd, request, argument.address())}.
 */
@FunctionalInterface
public interface TapIoctl {

    /**
     * Makes the call.
     *
     * @param request number of linux/if_tun.h
     * @param argument what the call's pointer points to; native memory
     * @return 0 or more, or a negated errno
     */
    int call(long request, MemorySegment argument);
}
