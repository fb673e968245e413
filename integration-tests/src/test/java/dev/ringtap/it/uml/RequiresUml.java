// SPDX-License-Identifier: Apache-2.0
package dev.ringtap.it.uml;

import dev.ringtap.linux.HostGroup;
import java.lang.annotation.ElementType;
import java.lang.annotation.Inherited;
import java.lang.annotation.Retention;
import java.lang.annotation.RetentionPolicy;
import java.lang.annotation.Target;
import java.util.Optional;
import org.junit.jupiter.api.extension.ConditionEvaluationResult;
import org.junit.jupiter.api.extension.ExecutionCondition;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.extension.ExtensionConfigurationException;
import org.junit.jupiter.api.extension.ExtensionContext;

/**
 * A test that boots User-Mode Linux guests: as root, since a guest is kept in a process namespace, and with the tools
 * that an initramfs is made of. Skipped where something is missing, failed if {@code ringtap.require} names uml.
 */
@Target({ElementType.TYPE, ElementType.METHOD})
@Retention(RetentionPolicy.RUNTIME)
@Inherited
@ExtendWith(RequiresUml.Condition.class)
public @interface RequiresUml {
    /** Decides before the test's own fixtures run. */
    class Condition implements ExecutionCondition {
        @Override
        public ConditionEvaluationResult evaluateExecutionCondition(ExtensionContext context) {
            Optional<String> missing =
                    Optional.ofNullable(HostGroup.ROOT.missing()).or(GuestImage::missing);
            if (missing.isEmpty()) {
                return ConditionEvaluationResult.enabled("a guest can be booted");
            }
            if (HostGroup.UML.required()) {
                throw new ExtensionConfigurationException("ringtap.require names uml, but " + missing.get());
            }
            return ConditionEvaluationResult.disabled("uml: " + missing.get());
        }
    }
}
