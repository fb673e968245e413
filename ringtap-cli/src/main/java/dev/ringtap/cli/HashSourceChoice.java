// SPDX-License-Identifier: Apache-2.0
package dev.ringtap.cli;

/** Values of {@code --hash-source}, by the names the command line has for them. The same for every command. */
public enum HashSourceChoice {
    auto,
    device,
    ebpf,
    kernel,
    vnet_hash,
    kfunc;

    /** As the command line spells it. */
    @Override
    public String toString() {
        return name().replace('_', '-');
    }
}
