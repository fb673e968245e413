// SPDX-License-Identifier: Apache-2.0
package dev.ringtap.linux.memory;

import static dev.ringtap.linux.posix.NativeException.check;

import dev.ringtap.linux.posix.NativeException;
import dev.ringtap.linux.posix.OwnedFd;
import dev.ringtap.linux.posix.Posix;

/** An anonymous file in memory, {@code memfd_create(2)}: what a front-end shares as its guest's memory. */
public final class MemFd implements AutoCloseable {
    private static final int MFD_CLOEXEC = 1;
    private static final int MFD_ALLOW_SEALING = 2;

    private final OwnedFd fd;
    private long sizeBytes;

    private MemFd(OwnedFd fd, long sizeBytes) {
        this.fd = fd;
        this.sizeBytes = sizeBytes;
    }

    /**
     * Creates a file of zeros; memory is taken when it is first touched.
     *
     * @param name shown in /proc, at most 249 bytes; need not be unique
     * @param sizeBytes not negative
     */
    public static MemFd create(String name, long sizeBytes) throws NativeException {
        String doing = "cannot create the memory file " + name;
        var fd = OwnedFd.of(check(Posix.memfdCreate(name, MFD_CLOEXEC | MFD_ALLOW_SEALING), "memfd_create", doing));
        var file = new MemFd(fd, 0);
        try {
            file.resize(sizeBytes);
            return file;
        } catch (NativeException e) {
            fd.close();
            throw e;
        }
    }

    /** The descriptor, to pass on or to map; it stays this object's. */
    public OwnedFd fd() {
        return fd;
    }

    public long sizeBytes() {
        return sizeBytes;
    }

    /**
     * Cuts the file or extends it with zeros. Mappings stay, but an access to a part of them that is no longer in the
     * file raises {@link InternalError}.
     */
    public void resize(long newSizeBytes) throws NativeException {
        check(
                Posix.ftruncate(fd.number(), newSizeBytes),
                "ftruncate",
                "cannot give a memory file " + newSizeBytes + " bytes");
        sizeBytes = newSizeBytes;
    }

    /** Frees the memory, once no mapping and no duplicate of the descriptor is left. */
    @Override
    public void close() {
        fd.close();
    }
}
