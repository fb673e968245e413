// SPDX-License-Identifier: Apache-2.0
package dev.ringtap.ebpf.check;

import dev.ringtap.ebpf.isa.Code;
import dev.ringtap.ebpf.object.MapDefinition;
import dev.ringtap.ebpf.object.ProgramType;
import dev.ringtap.ebpf.object.Reference.KfuncCall;
import java.util.Map;

/**
 * A program as it is checked: decoded, with what its references mean, by slot.
 *
 * @param type null for a program that runs on plain memory instead of a packet
 * @param memoryBytes of the memory that r1 points at and r2 counts, if {@code type} is null
 */
record Subject(
        Code code,
        ProgramType type,
        int memoryBytes,
        Map<Integer, MapDefinition> maps,
        Map<Integer, KfuncCall> kfuncs) {}
