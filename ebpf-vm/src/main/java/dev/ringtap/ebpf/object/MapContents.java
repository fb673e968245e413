// SPDX-License-Identifier: Apache-2.0
package dev.ringtap.ebpf.object;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.math.BigInteger;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.HexFormat;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * What a user's file puts into a map before the programs run. Text, one entry a line ({@code KEY = VALUE}), or, if the
 * file's name ends in {@code .bin}, the values of an array one after the other. The format is described in {@code
 * docs/custom-programs.md}.
 */
public final class MapContents {
    private static final int FILE_BYTES_MAX = 16 << 20;
    private static final String REST_IS_ZERO = "...";
    private static final String BYTES = "hex:";
    private static final Pattern NUMBER =
            Pattern.compile("(-?)(0x[0-9a-fA-F]{1,16}|[0-9]{1,20})(?:/(u8|u16|u32|u64|be16|be32|be64))?");

    /** A key and its value, each as long as the map's definition says. */
    public record Entry(byte[] key, byte[] value) {}

    private final Path file;
    private final MapDefinition map;

    private MapContents(Path file, MapDefinition map) {
        this.file = file;
        this.map = map;
    }

    /**
     * Reads a file for a map.
     *
     * @throws BpfException if it does not fit the map; names file, line and what would be right
     * @throws IOException if it cannot be read
     */
    public static List<Entry> read(Path file, MapDefinition map) throws IOException {
        var contents = new MapContents(file, map);
        if (map.isMapOfMaps() || map.keyBytes() == 0 || map.valueBytes() == 0)
            throw contents.fault(contents.shape() + " is not filled from a file");
        if (Files.size(file) > FILE_BYTES_MAX) throw contents.fault("is larger than " + FILE_BYTES_MAX + " bytes");
        byte[] bytes = Files.readAllBytes(file);
        return file.toString().endsWith(".bin") ? contents.values(bytes) : contents.lines(bytes);
    }

    /**
     * Reads lines of text for a map.
     *
     * @param file what messages call the place they come from
     * @throws BpfException as {@link #read}
     */
    public static List<Entry> parse(Path file, String lines, MapDefinition map) throws BpfException {
        return new MapContents(file, map).lines(lines.getBytes(StandardCharsets.UTF_8));
    }

    private List<Entry> values(byte[] bytes) throws BpfException {
        if (!map.isIndexed())
            throw fault("a file that ends in .bin holds the values of an array, but " + shape()
                    + " has keys; write lines of text, 'KEY = VALUE'");
        int size = map.valueBytes();
        int count = bytes.length / size;
        if (bytes.length == 0 || bytes.length % size != 0)
            throw fault(bytes.length + " bytes are no whole number of values of " + shape());
        if (count > Integer.toUnsignedLong(map.maxEntries()))
            throw fault(count + " values are too many for " + shape());
        var entries = new ArrayList<Entry>();
        for (int i = 0; i < count; i++)
            entries.add(new Entry(littleEndian(i, 4), Arrays.copyOfRange(bytes, i * size, (i + 1) * size)));
        return entries;
    }

    private List<Entry> lines(byte[] bytes) throws BpfException {
        String text;
        try {
            text = StandardCharsets.UTF_8
                    .newDecoder()
                    .decode(ByteBuffer.wrap(bytes))
                    .toString();
        } catch (CharacterCodingException e) {
            throw fault("is no text in UTF-8; the name of a file with the values of an array ends in .bin");
        }
        var entries = new ArrayList<Entry>();
        var lineOfKey = new HashMap<ByteBuffer, Integer>();
        int number = 0;
        for (String line : text.split("\r?\n", -1)) {
            number++;
            String content = line.replaceFirst("#.*", "").strip();
            if (content.isEmpty()) continue;
            String where = "line " + number + ": ";
            int sign = content.indexOf('=');
            if (sign < 0) throw fault(where + "'" + content + "' is not 'KEY = VALUE'");
            byte[] key = bytes(where + "key", content.substring(0, sign), map.keyBytes());
            byte[] value = bytes(where + "value", content.substring(sign + 1), map.valueBytes());
            if (map.isIndexed()) checkIndex(where, key);
            Integer before = lineOfKey.putIfAbsent(ByteBuffer.wrap(key), number);
            if (before != null) throw fault(where + "line " + before + " has the same key");
            entries.add(new Entry(key, value));
            if (entries.size() > Integer.toUnsignedLong(map.maxEntries()))
                throw fault(where + "one entry too many for " + shape());
        }
        if (entries.isEmpty()) throw fault("has no entry ('KEY = VALUE')");
        return entries;
    }

    private void checkIndex(String where, byte[] key) throws BpfException {
        long index = Integer.toUnsignedLong(
                ByteBuffer.wrap(key).order(ByteOrder.LITTLE_ENDIAN).getInt());
        long entries = Integer.toUnsignedLong(map.maxEntries());
        if (index >= entries)
            throw fault(where + "key " + index + ": " + shape() + " has the indexes 0 to " + (entries - 1));
    }

    /** Items that are separated by spaces or commas, put together. */
    private byte[] bytes(String what, String text, int size) throws BpfException {
        String stripped = text.strip();
        if (stripped.isEmpty()) throw fault(what + " is missing");
        String[] items = stripped.split("[\\s,]+");
        // A number alone is as wide as what it stands for.
        boolean alone = items.length == 1 && (size == 1 || size == 2 || size == 8);
        var whole = new ByteArrayOutputStream();
        for (int i = 0; i < items.length; i++) {
            if (items[i].equals(REST_IS_ZERO) && i == items.length - 1 && whole.size() <= size) {
                whole.writeBytes(new byte[size - whole.size()]);
                break;
            }
            whole.writeBytes(item(what, items[i], alone ? size : 4));
        }
        if (whole.size() != size) {
            String shown = stripped.length() > 60 ? stripped.substring(0, 60) + "…" : stripped;
            throw fault(what + " '" + shown + "' has " + whole.size() + " bytes, but " + shape());
        }
        return whole.toByteArray();
    }

    private byte[] item(String what, String item, int defaultBytes) throws BpfException {
        if (item.startsWith(BYTES)) {
            try {
                return HexFormat.of().parseHex(item.substring(BYTES.length()));
            } catch (IllegalArgumentException e) {
                throw fault(what + " '" + item + "': after '" + BYTES + "' stand pairs of hexadecimal digits");
            }
        }
        var number = NUMBER.matcher(item);
        if (!number.matches())
            throw fault(what + " '" + item + "': is no number (5, 0x5, -1, 5/u8, 80/be16) and no bytes (hex:00ff)");
        return number(what, number, defaultBytes);
    }

    private byte[] number(String what, Matcher number, int defaultBytes) throws BpfException {
        String digits = number.group(2);
        var value = digits.startsWith("0x") ? new BigInteger(digits.substring(2), 16) : new BigInteger(digits);
        if (!number.group(1).isEmpty()) value = value.negate();
        String kind = number.group(3);
        int size = kind == null ? defaultBytes : Integer.parseInt(kind.replaceAll("[a-z]", "")) / 8;
        var limit = BigInteger.ONE.shiftLeft(8 * size);
        if (value.compareTo(limit) >= 0 || value.compareTo(limit.shiftRight(1).negate()) < 0)
            throw fault(what + " '" + number.group() + "' does not fit " + (size == 1 ? "1 byte" : size + " bytes"));
        byte[] bytes = littleEndian(value.longValue(), size);
        if (kind != null && kind.startsWith("be")) reverse(bytes);
        return bytes;
    }

    private static byte[] littleEndian(long value, int size) {
        byte[] bytes = new byte[size];
        for (int i = 0; i < size; i++) bytes[i] = (byte) (value >>> 8 * i);
        return bytes;
    }

    private static void reverse(byte[] bytes) {
        for (int i = 0; i < bytes.length / 2; i++) {
            byte last = bytes[bytes.length - 1 - i];
            bytes[bytes.length - 1 - i] = bytes[i];
            bytes[i] = last;
        }
    }

    private String shape() {
        return "map " + map.description();
    }

    private BpfException fault(String what) {
        return new BpfException(file + ": " + what);
    }
}
