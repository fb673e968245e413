// SPDX-License-Identifier: Apache-2.0
package dev.ringtap.linux;

import java.lang.annotation.ElementType;
import java.lang.annotation.Inherited;
import java.lang.annotation.Retention;
import java.lang.annotation.RetentionPolicy;
import java.lang.annotation.Target;

/** A test that must be able to load BPF programs and attach them to TAPs of its own; see {@link RequiresGroup}. */
@Target({ElementType.TYPE, ElementType.METHOD})
@Retention(RetentionPolicy.RUNTIME)
@Inherited
@RequiresGroup(HostGroup.BPF)
public @interface RequiresBpf {}
