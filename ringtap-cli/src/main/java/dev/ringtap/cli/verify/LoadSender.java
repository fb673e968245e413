// SPDX-License-Identifier: Apache-2.0
package dev.ringtap.cli.verify;

import java.io.IOException;

/** Sends frames to the guest without waiting for anything. One thread. */
interface LoadSender extends AutoCloseable {

    /** Sends a finished frame; false if nobody took it, and nobody counts it as dropped. */
    boolean send(byte[] frame) throws IOException;

    /**
     * Sends a TCP frame to be cut into segments.
     *
     * @param gsoType VIRTIO_NET_HDR_GSO_*
     * @param headersBytes that each segment repeats
     * @param segmentBytes of payload that each segment carries
     * @param csumStart where the checksum's range begins in the frame
     * @param csumOffset where the checksum stands behind that
     * @return as {@link #send}
     */
    boolean sendSegmented(byte[] frame, int gsoType, int headersBytes, int segmentBytes, int csumStart, int csumOffset)
            throws IOException;

    @Override
    void close();
}
