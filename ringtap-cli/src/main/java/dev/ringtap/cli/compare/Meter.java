// SPDX-License-Identifier: Apache-2.0
package dev.ringtap.cli.compare;

import java.io.IOException;

/** Measures what queue and hash of a packet cost, in the two places where they may be made; each call measures anew. */
interface Meter extends AutoCloseable {
    /**
     * Runs what will be measured, so that it is compiled then.
     *
     * @return how long it took, in nanoseconds per packet
     */
    default double warmUp() throws IOException {
        return tapNs() + deviceNs();
    }

    /** Nanoseconds per packet in the TAP: the mean over the traffic's packets. */
    double tapNs() throws IOException;

    /** Nanoseconds per packet in ringtap's hash source: the mean over the traffic's packets. */
    double deviceNs() throws IOException;

    /** By what {@link #tapNs} measures, for people. */
    String tapMeasured();

    @Override
    void close();
}
