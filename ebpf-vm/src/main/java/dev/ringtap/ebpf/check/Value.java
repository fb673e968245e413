// SPDX-License-Identifier: Apache-2.0
package dev.ringtap.ebpf.check;

/** What is known of the content of a register, or of eight bytes of the stack. Immutable, but for marks in origins. */
sealed interface Value {
    /** Content that must not be used. {@code why} completes "R3 ...". */
    record Unusable(String why) implements Value {
        static final Unusable NEVER_WRITTEN = new Unusable("was never written");
        static final Unusable NOT_LIVE = new Unusable("is not used any more");
    }

    /**
     * A number.
     *
     * @param id the same in copies of one number, so that what a branch says about one holds for all; 0: no copies
     */
    record Scalar(Range range, int id, Origin origin) implements Value {
        static final Scalar UNKNOWN = new Scalar(Range.UNKNOWN, 0, null);

        static Scalar of(long constant) {
            return new Scalar(Range.of(constant), 0, null);
        }

        static Scalar of(Range range) {
            return new Scalar(range, 0, null);
        }

        Scalar with(Range range, Origin origin) {
            return new Scalar(range, id, origin);
        }

        @Override
        public String toString() {
            return "is the number " + range;
        }
    }

    /**
     * A pointer: the beginning of {@code region}, plus {@code offset}, plus a number that is in {@code variable}.
     *
     * @param orNull it may be null instead
     * @param id of a pointer that may be null: the same in its copies. Of one into the packet: the same if the variable
     *     part is the same
     * @param verified of a pointer into the packet: bytes from the region's beginning plus the variable part that are
     *     known to lie before the end
     * @param reference the number of the ring buffer record that it keeps reserved, or 0
     */
    record Pointer(Region region, boolean orNull, long offset, Range variable, int id, int verified, int reference)
            implements Value {
        static Pointer to(Region region) {
            return new Pointer(region, false, 0, Range.ZERO, 0, 0, 0);
        }

        static Pointer to(Region region, long offset) {
            return new Pointer(region, false, offset, Range.ZERO, 0, 0, 0);
        }

        static Pointer orNull(Region region, int id, int reference) {
            return new Pointer(region, true, 0, Range.ZERO, id, 0, reference);
        }

        Pointer notNull() {
            return new Pointer(region, false, offset, variable, 0, verified, reference);
        }

        Pointer verified(int bytes) {
            return new Pointer(region, orNull, offset, variable, id, bytes, reference);
        }

        /** Both parts of the distance from the region's beginning. */
        Range distance() {
            return distance(0);
        }

        Range distance(long further) {
            return Range.of(offset + further).add(variable);
        }

        @Override
        public String toString() {
            var distance = distance();
            String at = region.movable() && !distance.isZero() ? ", offset " + distance : "";
            return (orNull ? "is null or points at " : "points at ") + region + at;
        }
    }
}
