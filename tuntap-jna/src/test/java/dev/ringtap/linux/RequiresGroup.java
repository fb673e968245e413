// SPDX-License-Identifier: Apache-2.0
package dev.ringtap.linux;

import java.lang.annotation.ElementType;
import java.lang.annotation.Inherited;
import java.lang.annotation.Repeatable;
import java.lang.annotation.Retention;
import java.lang.annotation.RetentionPolicy;
import java.lang.annotation.Target;
import org.junit.jupiter.api.extension.ExtendWith;

/**
 * A test that needs more of its host than every host gives. It is skipped, with the reason in one line, where the host
 * lacks it; but it fails instead if the system property {@code ringtap.require} names the group, or {@code all}.
 */
@Target({ElementType.TYPE, ElementType.METHOD, ElementType.ANNOTATION_TYPE})
@Retention(RetentionPolicy.RUNTIME)
@Inherited
@Repeatable(RequiresGroup.All.class)
@ExtendWith(GroupCondition.class)
public @interface RequiresGroup {
    HostGroup value();

    /** Several groups at once. */
    @Target({ElementType.TYPE, ElementType.METHOD, ElementType.ANNOTATION_TYPE})
    @Retention(RetentionPolicy.RUNTIME)
    @Inherited
    @ExtendWith(GroupCondition.class)
    @interface All {
        RequiresGroup[] value();
    }
}
