// SPDX-License-Identifier: Apache-2.0
package dev.ringtap.cli.host;

import dev.ringtap.emulator.tap.emulated.EmulatedTap;
import dev.ringtap.emulator.tap.emulated.FrameInfo;
import java.net.InetAddress;
import java.util.Arrays;
import java.util.Collection;

/** Puts a {@link HostStack} behind an emulated TAP. */
public final class EmulatedHost {
    private EmulatedHost() {}

    /**
     * Makes a host with these addresses that gets what the guest sends, until the TAP is closed.
     *
     * @param tap its MAC address and MTU are the host's
     */
    public static HostStack behind(EmulatedTap tap, Collection<InetAddress> addresses) {
        HostStack stack = new HostStack(tap.mac(), tap.mtu(), addresses, frame -> send(tap, frame));
        tap.host()
                .receiver((queue, data, offset, lengthBytes, info) ->
                        stack.received(received(Arrays.copyOfRange(data, offset, offset + lengthBytes), info)));
        return stack;
    }

    private static void send(EmulatedTap tap, HostFrame frame) {
        FrameInfo info = new FrameInfo();
        if ((frame.flags() & HostFrame.NEEDS_CSUM) != 0) {
            info.needsChecksum(frame.checksumStart(), frame.checksumOffset());
        }
        if (frame.gsoType() != HostFrame.GSO_NONE) {
            info.segments(frame.gsoType(), frame.segmentBytes(), frame.headersBytes());
        }
        if (frame.vlanTag() != 0) {
            info.vlan(frame.vlanTag() >>> 16, frame.vlanTag() & 0xFFFF);
        }
        tap.host().send(frame.bytes(), 0, frame.bytes().length, info);
    }

    private static HostFrame received(byte[] bytes, FrameInfo info) {
        int tag = info.vlanPresent() ? info.vlanProtocol() << 16 | info.vlanTci() : 0;
        return new HostFrame(
                bytes,
                tag,
                info.flags() & HostFrame.NEEDS_CSUM,
                info.gsoType(),
                info.headerBytes(),
                info.gsoSize(),
                info.checksumStart(),
                info.checksumOffset());
    }
}
