// SPDX-License-Identifier: Apache-2.0
package dev.ringtap.cli.verify;

import dev.ringtap.linux.net.LinkConfig;
import dev.ringtap.linux.net.NetworkNamespace;
import java.io.IOException;
import java.nio.file.Path;

/**
 * The TAP of somebody else's emulator, in its network namespace. Addresses are added to it, and taken away again, as is
 * whatever else is changed.
 */
final class AttachedNetwork extends KernelHost {
    private LinkConfig link;
    private boolean hadIpv6;
    private int queueLengthBefore;
    private boolean changed;

    private AttachedNetwork(NetworkNamespace namespace) {
        super(namespace);
    }

    /**
     * Puts addresses on an interface.
     *
     * @param namespace file of its network namespace, or null for this process's own
     * @param name of the interface
     */
    static AttachedNetwork at(Path namespace, String name, byte[] guestMac) throws Exception {
        AttachedNetwork network =
                new AttachedNetwork(namespace == null ? NetworkNamespace.current() : NetworkNamespace.at(namespace));
        try {
            network.namespace().run(() -> network.configure(name, guestMac));
            return network;
        } catch (Exception e) {
            network.close();
            throw e;
        }
    }

    private void configure(String name, byte[] guestMac) throws IOException {
        link = LinkConfig.open(name);
        attach(link, guestMac);
        hadIpv6 = link.switchIpv6(true);
        queueLengthBefore = link.info().txQueueLength();
        changed = true;
        link.setTxQueueLength(TAP_QUEUE_PACKETS);
        addAddresses();
    }

    @Override
    public int mtu() throws IOException {
        return link.mtu();
    }

    @Override
    public void close() {
        if (changed) {
            changed = false;
            try {
                namespace().run(this::restore);
            } catch (Exception e) {
                // The emulator may have gone, and its interface with it.
            }
        }
        if (link != null) {
            link.close();
        }
        namespace().close();
    }

    private void restore() throws IOException {
        link.setTxQueueLength(queueLengthBefore);
        removeAddresses();
        link.switchIpv6(hadIpv6);
    }
}
