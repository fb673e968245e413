// SPDX-License-Identifier: Apache-2.0
package dev.ringtap.ebpf.vm;

/** {@code bpf_trace_printk}: a line of text for whoever listens. */
final class TraceHelper {
    private static final int FORMAT_BYTES_MAX = 512;
    private static final int TEXT_BYTES_MAX = 512;

    private static final String NO_STRING = "(fault)";

    private TraceHelper() {}

    static long print(Run run, long format, long formatBytes, long a, long b, long c) {
        int length = (int) formatBytes;
        if (length <= 0 || length > FORMAT_BYTES_MAX) return -Errno.EINVAL;
        String text = format(run, run.text(format, length), new long[] {a, b, c});
        if (text == null) return -Errno.EINVAL;
        run.program.trace().accept(text);
        return text.length();
    }

    /** @return null if the format is not understood, as the kernel refuses it */
    private static String format(Run run, String format, long[] arguments) {
        var text = new StringBuilder();
        int next = 0;
        for (int i = 0; i < format.length(); i++) {
            char c = format.charAt(i);
            if (c != '%') {
                text.append(c);
                continue;
            }
            if (++i == format.length()) return null;
            if (format.charAt(i) == '%') {
                text.append('%');
                continue;
            }
            int width = 0;
            boolean zeros = format.charAt(i) == '0';
            while (i < format.length() && Character.isDigit(format.charAt(i))) {
                width = Math.min(10 * width + format.charAt(i++) - '0', FORMAT_BYTES_MAX);
            }
            boolean is64 = false;
            while (i < format.length() && format.charAt(i) == 'l') {
                is64 = true;
                i++;
            }
            if (i == format.length() || next == arguments.length) return null;
            String item = item(run, format.charAt(i), is64, arguments[next++]);
            if (item == null) return null;
            text.append((zeros ? "0" : " ").repeat(Math.max(0, width - item.length())))
                    .append(item);
        }
        return text.toString();
    }

    private static String item(Run run, char conversion, boolean is64, long value) {
        return switch (conversion) {
            case 'd', 'i' -> Long.toString(is64 ? value : (int) value);
            case 'u' -> Long.toUnsignedString(is64 ? value : value & 0xFFFFFFFFL);
            case 'x' -> Long.toHexString(is64 ? value : value & 0xFFFFFFFFL);
            case 'X' -> Long.toHexString(is64 ? value : value & 0xFFFFFFFFL).toUpperCase(java.util.Locale.ROOT);
            case 'c' -> String.valueOf((char) (value & 0xFF));
            case 'p' -> String.format("%016x", value);
            case 's' -> string(run, value);
            default -> null;
        };
    }

    /**
     * Of a map's value, such as a constant of the program's or a buffer. What is in the register is for the format to say
     * and so for nobody to check, and another address would show what is none of the program's: what earlier packets left.
     */
    private static String string(Run run, long address) {
        try {
            return run.valuesAt(address) == null ? NO_STRING : run.text(address, TEXT_BYTES_MAX);
        } catch (IndexOutOfBoundsException outside) {
            return NO_STRING;
        }
    }
}
