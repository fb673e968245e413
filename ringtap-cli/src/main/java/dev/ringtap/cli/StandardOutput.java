// SPDX-License-Identifier: Apache-2.0
package dev.ringtap.cli;

import java.io.FilterOutputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.io.PrintStream;
import java.nio.charset.Charset;

/**
 * Standard output that knows why it could not be written: a {@link PrintStream} passes a fault over, and then says no more
 * than that there was one. Any thread.
 */
final class StandardOutput extends FilterOutputStream {
    /** Of the kernel's words for EPIPE. */
    private static final String NOBODY_READS = "Broken pipe";

    private IOException fault;

    /** @param file where it goes */
    StandardOutput(OutputStream file) {
        super(file);
    }

    /** To print to; writes each line at once, as {@link System#out} does. */
    PrintStream printer(Charset charset) {
        return new PrintStream(this, true, charset);
    }

    @Override
    public synchronized void write(int octet) throws IOException {
        try {
            out.write(octet);
        } catch (IOException e) {
            throw noted(e);
        }
    }

    @Override
    public synchronized void write(byte[] bytes, int offset, int length) throws IOException {
        try {
            out.write(bytes, offset, length);
        } catch (IOException e) {
            throw noted(e);
        }
    }

    @Override
    public synchronized void flush() throws IOException {
        try {
            out.flush();
        } catch (IOException e) {
            throw noted(e);
        }
    }

    private IOException noted(IOException e) {
        if (fault == null) {
            fault = e;
        }
        return e;
    }

    /**
     * The first fault; null without one, and if nobody reads any more, as with {@code | head -1}: whoever did had all that he
     * wanted.
     */
    synchronized IOException lost() {
        return fault == null || NOBODY_READS.equals(fault.getMessage()) ? null : fault;
    }
}
