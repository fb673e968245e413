// SPDX-License-Identifier: Apache-2.0
package dev.ringtap.linux.bpf;

import dev.ringtap.ebpf.object.BpfException;
import dev.ringtap.ebpf.object.BpfObject;
import java.io.IOException;
import java.io.UncheckedIOException;

/** The built objects of {@code src/test/bpf}. */
final class TestObject {
    private TestObject() {}

    static byte[] bytes(String name) {
        try (var resource = TestObject.class.getResourceAsStream("objects/" + name + ".bpf.o")) {
            return resource.readAllBytes();
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    static BpfObject parse(String name) throws BpfException {
        return BpfObject.parse(name + ".bpf.o", bytes(name));
    }
}
