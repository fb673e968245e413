// SPDX-License-Identifier: Apache-2.0
package dev.ringtap.emulator.io;

/** A descriptor watched for readability; closing it ends the watch and leaves the descriptor open. */
public interface Watch extends AutoCloseable {

    /** Ends the watch. Owner loop's thread only; to be called before the descriptor is closed. */
    @Override
    void close();
}
