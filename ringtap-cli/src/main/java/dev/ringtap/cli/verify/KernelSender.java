// SPDX-License-Identifier: Apache-2.0
package dev.ringtap.cli.verify;

import dev.ringtap.linux.net.PacketSocket;
import java.io.IOException;

/** Sends by a packet socket that was opened with a header. */
final class KernelSender implements LoadSender {
    private final PacketSocket socket;

    /** @param socket closed with this */
    KernelSender(PacketSocket socket) {
        this.socket = socket;
    }

    @Override
    public boolean send(byte[] frame) throws IOException {
        byte[] withHeader = new byte[PacketSocket.HEADER_BYTES + frame.length];
        System.arraycopy(frame, 0, withHeader, PacketSocket.HEADER_BYTES, frame.length);
        return socket.send(withHeader, withHeader.length) >= 0;
    }

    @Override
    public boolean sendSegmented(
            byte[] frame, int gsoType, int headersBytes, int segmentBytes, int csumStart, int csumOffset)
            throws IOException {
        return socket.sendSegmented(frame, frame.length, gsoType, headersBytes, segmentBytes, csumStart, csumOffset)
                >= 0;
    }

    @Override
    public void close() {
        socket.close();
    }
}
