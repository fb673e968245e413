// SPDX-License-Identifier: Apache-2.0
package dev.ringtap.ebpf.check;

import dev.ringtap.ebpf.check.Value.Scalar;
import java.util.Arrays;
import java.util.function.UnaryOperator;

/**
 * The 512 bytes below r10 of one function, in cells of four bytes, the one at r10-4 first. A value of eight bytes that
 * was stored at once is kept in the lower of its two cells; of what was stored otherwise it is known only that the
 * bytes were written.
 */
final class Stack {
    static final int BYTES = 512;
    static final int CELL_BYTES = 4;
    private static final int ALL = 0xF;

    /** Whether the content of a kept state's cell was read later: marked back along the path, as with origins. */
    static final class Use {
        private final Use before;
        private boolean read;

        Use(Use before) {
            this.before = before;
        }

        boolean wasRead() {
            return read;
        }

        void mark() {
            for (var use = this; use != null && !use.read; use = use.before) use.read = true;
        }
    }

    /**
     * Four bytes.
     *
     * @param written one bit for each byte
     * @param value what was stored from the cell's first byte on, or null
     * @param widthBytes of {@code value}; or {@link #UPPER_HALF}
     * @param use null since the cell was last written as a whole
     */
    record Cell(int written, Value value, int widthBytes, Use use) {
        /** The cell holds the upper half of the value of eight bytes that begins one cell below. */
        static final int UPPER_HALF = -1;

        static final Cell UNWRITTEN = new Cell(0, null, 0, null);

        Cell with(Value changed) {
            return new Cell(written, changed, widthBytes, use);
        }

        Cell with(Use changed) {
            return new Cell(written, value, widthBytes, changed);
        }
    }

    private Cell[] cells;

    Stack() {
        this(new Cell[0]);
    }

    private Stack(Cell[] cells) {
        this.cells = cells;
    }

    Stack copy() {
        return new Stack(cells.clone());
    }

    /** Cells that exist; those beyond were never written. */
    int cells() {
        return cells.length;
    }

    Cell cell(int index) {
        return index < cells.length ? cells[index] : Cell.UNWRITTEN;
    }

    void replaceValues(UnaryOperator<Value> replacement) {
        for (int i = 0; i < cells.length; i++) {
            var value = cells[i].value;
            if (value == null) continue;
            var replaced = replacement.apply(value);
            if (replaced != value) cells[i] = cells[i].with(replaced);
        }
    }

    /**
     * Begins a new section of the path: marks set from now on are those of the state that is kept here.
     *
     * @return how many things can be marked
     */
    int keep() {
        int marks = 0;
        for (int i = 0; i < cells.length; i++) {
            var cell = cells[i];
            if (cell.written == 0) continue;
            cell = cell.with(new Use(cell.use));
            marks++;
            if (cell.value instanceof Scalar number) {
                cell = cell.with(number.with(number.range(), Origin.kept(number.origin())));
                marks++;
            }
            cells[i] = cell;
        }
        return marks;
    }

    /** Numbers that differ from those before become unknown. */
    void widen(Stack before) {
        for (int i = 0; i < cells.length; i++) {
            var cell = cells[i];
            if (cell.value == null || before.cell(i).widthBytes != cell.widthBytes) continue;
            cells[i] = cell.with(Explorer.widened(before.cell(i).value, cell.value, cell.widthBytes));
        }
    }

    void store(int offset, int bytes, Value value) {
        clear(offset, bytes, true);
        int cell = cellOf(offset);
        if (offset % CELL_BYTES != 0 || bytes == 8 && offset % 8 != 0) return;
        cells[cell] = new Cell(cells[cell].written, value, bytes, cells[cell].use);
        if (bytes == 8) cells[cell - 1] = new Cell(ALL, null, Cell.UPPER_HALF, null);
    }

    /**
     * The bytes hold something unknown from now on.
     *
     * @param certainly whether all of them were written. Else each may also hold what it did
     */
    void clear(int offset, int bytes, boolean certainly) {
        grow(cellOf(offset) + 1);
        for (int at = offset; at < offset + bytes; at++) {
            int index = cellOf(at);
            if (cells[index].widthBytes == Cell.UPPER_HALF) forget(index + 1);
            if (cells[index].value != null) forget(index);
            var cell = cells[index];
            if (!certainly) continue;
            int written = cell.written | 1 << at - offsetOf(index);
            boolean whole = at == offsetOf(index) && offset + bytes >= at + CELL_BYTES;
            cells[index] = new Cell(written, null, 0, whole ? null : cell.use);
        }
    }

    /**
     * A value that lost a byte, or may have, is no value any more. The other bytes of a number remain written; those of a
     * pointer do not, since whoever reads them would have a number made of it.
     */
    private void forget(int index) {
        var cell = cells[index];
        boolean number = cell.value instanceof Scalar;
        cells[index] = new Cell(number ? cell.written : 0, null, 0, cell.use);
        if (cell.widthBytes == 8) {
            var upper = cells[index - 1];
            cells[index - 1] = new Cell(number ? upper.written : 0, null, 0, upper.use);
        }
    }

    /** The value that covers the bytes, beginning at or below {@code offset}; null if they were not stored at once. */
    Value valueAt(int offset, int bytes) {
        int index = cellOf(offset);
        int from = startOfValue(offset);
        var cell = cell(cellOf(from));
        if (index >= cells.length || cell.value == null || offset + bytes > from + cell.widthBytes) return null;
        return cell.value;
    }

    /** The value that the first byte of a cell belongs to, or null. */
    Value ownerOf(int cell) {
        return cell(cell(cell).widthBytes == Cell.UPPER_HALF ? cell + 1 : cell).value;
    }

    /** Where the value begins that the byte at {@code offset} belongs to. */
    int startOfValue(int offset) {
        int index = cellOf(offset);
        return offsetOf(cell(index).widthBytes == Cell.UPPER_HALF ? index + 1 : index);
    }

    /** A pointer of which at least one byte is among these, or null. */
    Value anyPointer(int offset, int bytes) {
        for (int at = offset; at < offset + bytes; at++) {
            var cell = cell(cellOf(startOfValue(at)));
            if (cell.value instanceof Value.Pointer && at < startOfValue(at) + cell.widthBytes) return cell.value;
        }
        return null;
    }

    /** The first of these bytes that was never written, or 0 (which is outside the stack). */
    int firstUnwritten(int offset, int bytes) {
        for (int at = offset; at < offset + bytes; at++) {
            int index = cellOf(at);
            if ((cell(index).written >> at - offsetOf(index) & 1) == 0) return at;
        }
        return 0;
    }

    void markRead(int offset, int bytes) {
        for (int at = offset; at < offset + bytes; at++) {
            var cell = cell(cellOf(at));
            if (cell.use != null) cell.use.mark();
            // Of a value of eight bytes, the half that holds it counts.
            if (cell.widthBytes == Cell.UPPER_HALF) {
                var lower = cell(cellOf(at) + 1);
                if (lower.use != null) lower.use.mark();
            }
        }
    }

    private static int cellOf(int offset) {
        return (-offset - 1) / CELL_BYTES;
    }

    private static int offsetOf(int cell) {
        return -CELL_BYTES * (cell + 1);
    }

    private void grow(int wanted) {
        int had = cells.length;
        if (wanted <= had) return;
        cells = Arrays.copyOf(cells, wanted);
        Arrays.fill(cells, had, wanted, Cell.UNWRITTEN);
    }
}
