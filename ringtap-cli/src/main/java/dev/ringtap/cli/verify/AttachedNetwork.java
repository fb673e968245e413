// SPDX-License-Identifier: Apache-2.0
package dev.ringtap.cli.verify;

import dev.ringtap.linux.net.LinkConfig;
import dev.ringtap.linux.net.NetworkNamespace;
import dev.ringtap.linux.posix.Errno;
import dev.ringtap.linux.posix.NativeException;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The TAP of somebody else's emulator, in its network namespace. Addresses are added to it, and taken away again, as is
 * whatever else is changed.
 */
final class AttachedNetwork extends KernelHost {
    private static final Logger LOG = LoggerFactory.getLogger(AttachedNetwork.class);

    /**
     * The answer to who removes a neighbour, an address, or one of IPv6 where that is off: adding it has failed, or somebody
     * else has removed it.
     */
    private static final Set<Integer> NOT_THERE = Set.of(Errno.ENOENT, Errno.EADDRNOTAVAIL, Errno.ENXIO);

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
        queueLengthBefore = link.info().txQueueLength();
        hadIpv6 = link.switchIpv6(true);
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
            forgetQueues();
            try {
                namespace().run(this::restore);
            } catch (Exception e) {
                report(e);
            }
        }
        if (link != null) {
            link.close();
        }
        namespace().close();
    }

    /** Puts back all that can be, whatever fails: it is somebody else's interface. */
    private void restore() {
        List<Change> changes = new ArrayList<>();
        changes.add(() -> link.setTxQueueLength(queueLengthBefore));
        changes.addAll(removals());
        changes.add(() -> link.switchIpv6(hadIpv6));
        for (Change change : changes) {
            try {
                change.make();
            } catch (NativeException e) {
                if (e.errno() == Errno.ENODEV) {
                    // The emulator has gone, and its interface with it.
                    return;
                }
                if (!NOT_THERE.contains(e.errno())) {
                    report(e);
                }
            } catch (IOException | RuntimeException e) {
                report(e);
            }
        }
    }

    private void report(Exception e) {
        LOG.warn("{} is not as it was before: {}", link.name(), e.getMessage());
    }
}
