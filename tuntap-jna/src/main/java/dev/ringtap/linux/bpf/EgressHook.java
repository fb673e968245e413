// SPDX-License-Identifier: Apache-2.0
package dev.ringtap.linux.bpf;

import dev.ringtap.linux.net.EgressFilter;
import dev.ringtap.linux.net.LinkConfig;
import dev.ringtap.linux.posix.Errno;
import dev.ringtap.linux.posix.NativeException;
import dev.ringtap.linux.posix.OwnedFd;
import java.io.IOException;

/**
 * A program attached where packets leave the host through an interface, behind all programs that are there. Closing it
 * detaches the program.
 *
 * <p>By a tcx link where the kernel has one (Linux 6.6): it goes with its descriptor, so with the process. Else by a
 * filter of the queueing discipline clsact, which stays after a crash: {@link #removeLeftovers} finds it by its name.
 */
final class EgressHook implements AutoCloseable {
    /** The ways to attach, best first. */
    enum Kind {
        TCX,
        CLSACT
    }

    private static final String FILTER_NAME = "ringtap_prefix";

    private final Kind kind;
    private final OwnedFd tcx;
    private final EgressFilter filter;

    private EgressHook(Kind kind, OwnedFd tcx, EgressFilter filter) {
        this.kind = kind;
        this.tcx = tcx;
        this.filter = filter;
    }

    /**
     * Attaches in the best way there is. Call it on a thread of the interface's network namespace.
     *
     * @param link stays open as long as the hook
     * @throws NativeException if the kernel refuses, such as without CAP_NET_ADMIN
     */
    static EgressHook attach(LinkConfig link, OwnedFd program) throws IOException {
        // The kernel runs tcx programs before the filters of clsact, which expect the frame as it was.
        if (EgressFilter.anyAtEgress(link)) return attach(link, program, Kind.CLSACT);
        try {
            return attach(link, program, Kind.TCX);
        } catch (NativeException e) {
            // Attach type or command unknown: before 6.6, or without CONFIG_NET_XGRESS.
            if (e.errno() != Errno.EINVAL && e.errno() != Errno.EOPNOTSUPP) throw e;
            return attach(link, program, Kind.CLSACT);
        }
    }

    static EgressHook attach(LinkConfig link, OwnedFd program, Kind kind) throws IOException {
        return switch (kind) {
            case TCX -> {
                // The call looks for the index among the interfaces of its caller's namespace.
                link.requireOwnNamespace();
                yield new EgressHook(kind, BpfCall.linkTcxEgress(program.number(), link.index()), null);
            }
            case CLSACT -> new EgressHook(kind, null, EgressFilter.attach(link, program.number(), FILTER_NAME));
        };
    }

    /** Detaches what a process left that was killed; returns whether there was anything. */
    static boolean removeLeftovers(LinkConfig link) throws NativeException {
        return EgressFilter.removeAll(link, FILTER_NAME) > 0;
    }

    Kind kind() {
        return kind;
    }

    @Override
    public void close() throws NativeException {
        if (tcx != null) tcx.close();
        if (filter != null) filter.close();
    }
}
