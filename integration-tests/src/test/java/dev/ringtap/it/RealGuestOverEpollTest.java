// SPDX-License-Identifier: Apache-2.0
package dev.ringtap.it;

/** Packets moved by epoll and one system call a packet. */
class RealGuestOverEpollTest extends RealGuestScenarios {
    RealGuestOverEpollTest() {
        super("epoll");
    }
}
