// SPDX-License-Identifier: Apache-2.0
package dev.ringtap.cli.compare;

import java.io.IOException;
import java.nio.file.Path;

/** A TAP with one design, and an emulator that serves it. */
interface Bed extends AutoCloseable {
    Design design();

    /** Where the emulator listens. */
    Path socket();

    int queuePairs();

    /** Sends a frame from the host into the TAP. */
    void send(byte[] frame) throws IOException;

    /** Measures this design; null if nothing can. */
    Meter meter();

    @Override
    void close();
}
