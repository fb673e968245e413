// SPDX-License-Identifier: Apache-2.0
package dev.ringtap.cli.verify;

import dev.ringtap.emulator.tap.emulated.FrameInfo;
import dev.ringtap.emulator.tap.emulated.HostSide;
import dev.ringtap.linux.posix.Errno;

/** Sends into an emulated TAP. */
final class EmulatedSender implements LoadSender {
    private final HostSide host;
    private final FrameInfo info = new FrameInfo();

    EmulatedSender(HostSide host) {
        this.host = host;
    }

    @Override
    public boolean send(byte[] frame) {
        return taken(host.send(frame, 0, frame.length, info.clear()));
    }

    @Override
    public boolean sendSegmented(
            byte[] frame, int gsoType, int headersBytes, int segmentBytes, int csumStart, int csumOffset) {
        info.clear().needsChecksum(csumStart, csumOffset).segments(gsoType, segmentBytes, headersBytes);
        return taken(host.send(frame, 0, frame.length, info));
    }

    /** A full queue is told here, too, but it also counts the frame, as the kernel's does without telling. */
    private static boolean taken(int result) {
        return result == 0 || result == -Errno.ENOBUFS;
    }

    @Override
    public void close() {
        // The TAP is somebody else's.
    }
}
