// SPDX-License-Identifier: Apache-2.0
package dev.ringtap.cli.compare;

import dev.ringtap.emulator.HashSourceChoice;

/** Every design there is, in the order in which they are shown. */
enum Design {
    KERNEL_DEVICE(
            Tap.KERNEL, HashSourceChoice.DEVICE, "steering program for the queue; ringtap hashes the frame once more"),
    KERNEL_EBPF(
            Tap.KERNEL,
            HashSourceChoice.EBPF,
            "program at TC egress for queue and hash, which travels in front of the frame"),
    KERNEL_IOCTLS(Tap.KERNEL, HashSourceChoice.KERNEL, "the TAP itself, by the proposed ioctls"),
    EMULATED_DEVICE(
            Tap.EMULATED,
            HashSourceChoice.DEVICE,
            "steering program for the queue; ringtap hashes the frame once more"),
    EMULATED_IOCTLS(Tap.EMULATED, HashSourceChoice.KERNEL, "the TAP itself, by the proposed ioctls"),
    EMULATED_VNET_HASH(
            Tap.EMULATED, HashSourceChoice.VNET_HASH, "program of the proposed type, which answers queue and hash"),
    EMULATED_KFUNC(Tap.EMULATED, HashSourceChoice.KFUNC, "steering program that reports the hash by a kernel function");

    /** On what it runs. */
    enum Tap {
        KERNEL("kernel TAP"),
        EMULATED("emulated TAP");

        private final String title;

        Tap(String title) {
            this.title = title;
        }

        String title() {
            return title;
        }
    }

    private final Tap tap;
    private final HashSourceChoice choice;
    private final String does;

    Design(Tap tap, HashSourceChoice choice, String does) {
        this.tap = tap;
        this.choice = choice;
        this.does = does;
    }

    Tap tap() {
        return tap;
    }

    HashSourceChoice choice() {
        return choice;
    }

    /** The name that {@code --hash-source} has for it. */
    String source() {
        return choice.toString();
    }

    /** Who chooses the queue and makes the hash, for people. */
    String does() {
        return does;
    }

    /** For messages. */
    String title() {
        return choice + " on the " + tap.title();
    }
}
