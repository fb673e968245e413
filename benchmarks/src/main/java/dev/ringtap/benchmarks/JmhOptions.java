// SPDX-License-Identifier: Apache-2.0
package dev.ringtap.benchmarks;

/** Options of the JVMs that JMH starts. */
public final class JmhOptions {
    /** JMH 1.37 uses sun.misc.Unsafe, of which a JVM warns since 24. */
    public static final String UNSAFE = "--sun-misc-unsafe-memory-access=allow";

    private JmhOptions() {}
}
