// SPDX-License-Identifier: Apache-2.0
package dev.ringtap.cli.host;

/** The host's way to its TAP. Any thread. */
@FunctionalInterface
public interface HostLink {

    /** Sends a frame to the TAP. A frame for which there is no room is dropped there, and counted there. */
    void send(HostFrame frame);
}
