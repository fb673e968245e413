// SPDX-License-Identifier: Apache-2.0
package dev.ringtap.ebpf.vm;

import static java.lang.constant.ConstantDescs.CD_Object;
import static java.lang.constant.ConstantDescs.CD_byte;
import static java.lang.constant.ConstantDescs.CD_int;
import static java.lang.constant.ConstantDescs.CD_long;

import dev.ringtap.ebpf.isa.AtomicOp;
import java.lang.constant.ClassDesc;
import java.lang.constant.ConstantDescs;
import java.lang.constant.DirectMethodHandleDesc;
import java.lang.constant.MethodTypeDesc;
import java.lang.invoke.MethodHandles;
import java.nio.ByteBuffer;
import java.util.Collections;

/** Names of classes and methods that compiled programs refer to. */
final class Types {
    static final ClassDesc RUN = of(Run.class);
    static final ClassDesc SKB = of(SkBuff.class);
    static final ClassDesc PROGRAM_CODE = of(ProgramCode.class);
    static final ClassDesc LINKED_PROGRAM = of(LinkedProgram.class);
    static final ClassDesc MEMORY = of(Memory.class);
    static final ClassDesc DIVISION = of(Division.class);
    static final ClassDesc ATOMICS = of(Atomics.class);
    static final ClassDesc ATOMIC_OP = of(AtomicOp.class);
    static final ClassDesc CLASSIC_LOADS = of(ClassicLoads.class);
    static final ClassDesc HELPER_BODY = of(Helper.Body.class);
    static final ClassDesc MAP_HELPERS = of(MapHelpers.class);
    static final ClassDesc PACKET_HELPERS = of(PacketHelpers.class);
    static final ClassDesc KFUNC = of(Kfuncs.Implementation.class);
    static final ClassDesc ARRAY_MAP = of(ArrayMap.class);
    static final ClassDesc MAP_OF_MAPS = of(MapOfMaps.class);
    static final ClassDesc BUFFER = of(ByteBuffer.class);
    static final ClassDesc BYTES = CD_byte.arrayType();
    static final ClassDesc LONGS = CD_long.arrayType();
    static final ClassDesc VAR_HANDLE = ConstantDescs.CD_VarHandle;
    static final ClassDesc FAULT = of(EbpfFault.class);
    static final ClassDesc RUNTIME_EXCEPTION = of(RuntimeException.class);

    /** Of a function: {@code (run, frame, r1 to r5)}. */
    static final MethodTypeDesc FUNCTION =
            MethodTypeDesc.of(CD_long, RUN, CD_int, CD_long, CD_long, CD_long, CD_long, CD_long);

    /** Of a part: {@code (run, frame, slot)}, returns the slot to go on at or a negative number. */
    static final MethodTypeDesc PART = MethodTypeDesc.of(CD_int, RUN, CD_int, CD_int);

    /** Of {@link ProgramCode#call}. */
    static final MethodTypeDesc CALL =
            MethodTypeDesc.of(CD_long, RUN, CD_int, CD_int, CD_long, CD_long, CD_long, CD_long, CD_long);

    /** A constant that was handed over with the class. */
    static final DirectMethodHandleDesc CLASS_DATA =
            ConstantDescs.ofConstantBootstrap(of(MethodHandles.class), "classDataAt", CD_Object, CD_int);

    private Types() {}

    static ClassDesc of(Class<?> type) {
        return type.describeConstable().orElseThrow();
    }

    /** With {@code longs} arguments of 64 bits behind the first ones. */
    static MethodTypeDesc method(ClassDesc result, int longs, ClassDesc... first) {
        return MethodTypeDesc.of(result, first)
                .insertParameterTypes(
                        first.length, Collections.nCopies(longs, CD_long).toArray(ClassDesc[]::new));
    }
}
