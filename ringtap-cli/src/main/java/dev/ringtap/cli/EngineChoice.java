// SPDX-License-Identifier: Apache-2.0
package dev.ringtap.cli;

import dev.ringtap.emulator.io.IoEngine;

/** Values of {@code --engine}, by the names the command line has for them. The same for every command. */
public enum EngineChoice {
    /** {@link #io_uring} where it can be had, else {@link #epoll}. */
    auto(null),
    epoll(IoEngine.EPOLL),
    io_uring(IoEngine.IO_URING);

    /** Description of the option. */
    public static final String DESCRIPTION = "How packets are moved: epoll, io_uring, or auto, which is io_uring where"
            + " the kernel allows it and else epoll. Default: ${DEFAULT-VALUE}.";

    private final IoEngine engine;

    EngineChoice(IoEngine engine) {
        this.engine = engine;
    }

    /**
     * The engine to run with.
     *
     * @throws CommandException if one was asked for by name that cannot be had on this machine
     */
    public IoEngine resolve() throws CommandException {
        if (engine == null) {
            return IoEngine.IO_URING.unavailability() == null ? IoEngine.IO_URING : IoEngine.EPOLL;
        }
        if (engine.unavailability() != null) {
            throw new CommandException("--engine %s: not to be had on this machine (%s); --engine auto takes what is"
                    .formatted(name(), engine.unavailability().getMessage()));
        }
        return engine;
    }
}
