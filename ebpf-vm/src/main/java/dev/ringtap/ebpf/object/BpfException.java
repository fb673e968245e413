// SPDX-License-Identifier: Apache-2.0
package dev.ringtap.ebpf.object;

import java.io.IOException;

/**
 * An eBPF object that cannot be used: its file is malformed or asks for something that is not supported, or a
 * program of it was refused, by the kernel's verifier or by the check that stands for it in user space. The message names
 * the object and the section, symbol or offset at fault; after a refusal it ends with the last lines of the verifier's log.
 */
public class BpfException extends IOException {
    private static final long serialVersionUID = 1L;
    private static final int LOG_LINES_SHOWN = 24;

    private final String verifierLog;

    public BpfException(String message) {
        this(message, "");
    }

    /** @param verifierLog as the kernel wrote it; its end, where the reason stands, becomes part of the message */
    public BpfException(String message, String verifierLog) {
        super(message + endOf(verifierLog));
        this.verifierLog = verifierLog;
    }

    /** All that the kernel's verifier said, empty if it was not asked. Its reason is among the last lines. */
    public String verifierLog() {
        return verifierLog;
    }

    private static String endOf(String log) {
        var lines = log.lines().filter(line -> !line.isBlank()).toList();
        int from = Math.max(0, lines.size() - LOG_LINES_SHOWN);
        var text = new StringBuilder();
        if (from > 0) text.append("\n  … ").append(from).append(" lines before");
        for (var line : lines.subList(from, lines.size())) text.append("\n  ").append(line);
        return text.toString();
    }
}
