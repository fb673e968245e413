// SPDX-License-Identifier: Apache-2.0
package dev.ringtap.emulator.tap.emulated;

/**
 * Everything about a device that a sender goes by, replaced as a whole.
 *
 * @param queues the attached queues by their number; not to be changed
 * @param chooser null for automatic steering
 * @param filter null for none
 * @param offloads {@code TUN_F_*} of the reader
 * @param up whether the interface is up
 * @param removed whether it is gone
 */
record Attachment(
        EmulatedQueue[] queues, QueueChooser chooser, PacketFilter filter, int offloads, boolean up, boolean removed) {

    Attachment withQueues(EmulatedQueue... attached) {
        return new Attachment(attached, chooser, filter, offloads, up, removed);
    }

    Attachment withChooser(QueueChooser newChooser) {
        return new Attachment(queues, newChooser, filter, offloads, up, removed);
    }

    Attachment withFilter(PacketFilter newFilter) {
        return new Attachment(queues, chooser, newFilter, offloads, up, removed);
    }

    Attachment withOffloads(int newOffloads) {
        return new Attachment(queues, chooser, filter, newOffloads, up, removed);
    }

    Attachment withUp(boolean newUp) {
        return new Attachment(queues, chooser, filter, offloads, newUp, removed);
    }

    Attachment gone() {
        return new Attachment(new EmulatedQueue[0], null, null, offloads, false, true);
    }

    /** The place of a queue among the attached ones, -1 if it is detached. */
    int indexOf(EmulatedQueue queue) {
        for (int i = 0; i < queues.length; i++) {
            if (queues[i] == queue) {
                return i;
            }
        }
        return -1;
    }
}
