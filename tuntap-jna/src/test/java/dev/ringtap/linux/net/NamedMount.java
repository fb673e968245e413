// SPDX-License-Identifier: Apache-2.0
package dev.ringtap.linux.net;

import static dev.ringtap.linux.posix.NativeException.check;

import dev.ringtap.linux.MountCalls;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;

/** Gives a namespace a name, as {@code ip netns attach} does, for as long as this is open. */
record NamedMount(String name, Path file) implements AutoCloseable {
    static NamedMount of(String name, NetworkNamespace namespace) throws IOException {
        var directory = Files.createDirectories(Path.of("/run/netns"));
        var file = Files.createFile(directory.resolve(name));
        var mount = new NamedMount(name, file);
        var source = Path.of("/proc/self/fd/" + namespace.fd().number());
        try {
            check(MountCalls.bind(source, file), "mount", "cannot name a network namespace");
        } catch (IOException e) {
            Files.delete(file);
            throw e;
        }
        return mount;
    }

    @Override
    public void close() throws IOException {
        check(MountCalls.unmount(file), "umount2", "cannot take the name of a network namespace away");
        Files.delete(file);
    }
}
