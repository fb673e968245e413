// SPDX-License-Identifier: Apache-2.0
package dev.ringtap.it.kernels;

import dev.ringtap.linux.HostGroup;
import java.lang.annotation.ElementType;
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
 * A test that boots kernels of several series under QEMU; no privilege is needed. Skipped where something is missing,
 * failed if {@code ringtap.require} names kernels.
 */
@Target({ElementType.TYPE, ElementType.METHOD})
@Retention(RetentionPolicy.RUNTIME)
@ExtendWith(RequiresKernels.Condition.class)
public @interface RequiresKernels {
    /** Decides before the test's own fixtures run. */
    class Condition implements ExecutionCondition {
        @Override
        public ConditionEvaluationResult evaluateExecutionCondition(ExtensionContext context) {
            Optional<String> missing =
                    Optional.ofNullable(HostGroup.KERNELS.missing()).or(LoaderImage::missing);
            if (missing.isEmpty()) {
                return ConditionEvaluationResult.enabled("kernels can be booted");
            }
            if (HostGroup.KERNELS.required()) {
                throw new ExtensionConfigurationException("ringtap.require names kernels, but " + missing.get());
            }
            return ConditionEvaluationResult.disabled("kernels: " + missing.get());
        }
    }
}
