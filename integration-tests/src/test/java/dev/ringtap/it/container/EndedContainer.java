// SPDX-License-Identifier: Apache-2.0
package dev.ringtap.it.container;

import com.github.dockerjava.api.model.HostConfig;

/**
 * A container that ran to its own end.
 *
 * @param exitCode of its process
 * @param output of both streams
 */
record EndedContainer(int exitCode, String output) {
    /** Runs an image as a user, by number, and waits for its end. */
    static EndedContainer run(String image, HostConfig host, String user, String... arguments)
            throws InterruptedException {
        try (var started = StartedContainer.start(image, host, user, arguments)) {
            int exitCode = started.awaitExit();
            return new EndedContainer(exitCode, started.output());
        }
    }
}
