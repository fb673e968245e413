// SPDX-License-Identifier: Apache-2.0
package dev.ringtap.ebpf.vm;

/** What a running program needs beside its packet. */
final class Run {
    private final SkBuff skb;

    Run(SkBuff skb) {
        this.skb = skb;
    }

    void packetMoved() {}
}
