// SPDX-License-Identifier: Apache-2.0
package dev.ringtap.it;

import java.lang.annotation.ElementType;
import java.lang.annotation.Retention;
import java.lang.annotation.RetentionPolicy;
import java.lang.annotation.Target;
import java.util.Arrays;
import java.util.Locale;
import java.util.Set;
import org.junit.jupiter.api.extension.ConditionEvaluationResult;
import org.junit.jupiter.api.extension.ExecutionCondition;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.extension.ExtensionConfigurationException;
import org.junit.jupiter.api.extension.ExtensionContext;
import org.junit.platform.commons.support.AnnotationSupport;

/**
 * Skips a test with a one-line reason where the machine lacks a facility. A facility named in the system property
 * {@code ringtap.require} (a comma-separated list, or {@code all}) fails the test instead: what was to be tested must not
 * be skipped unseen.
 */
@Target({ElementType.TYPE, ElementType.METHOD})
@Retention(RetentionPolicy.RUNTIME)
@ExtendWith(Requires.Condition.class)
public @interface Requires {
    /** All of these are needed. */
    Facility[] value();

    /** Decides before the test's own fixtures run. */
    class Condition implements ExecutionCondition {
        @Override
        public ConditionEvaluationResult evaluateExecutionCondition(ExtensionContext context) {
            var requires = AnnotationSupport.findAnnotation(context.getElement(), Requires.class);
            if (requires.isEmpty()) {
                return ConditionEvaluationResult.enabled("nothing required");
            }
            Set<String> demanded = Set.copyOf(Arrays.asList(
                    System.getProperty("ringtap.require", "").strip().split("\\s*,\\s*")));
            for (Facility facility : requires.get().value()) {
                var missing = facility.missing();
                if (missing.isPresent()) {
                    String group = facility.name().toLowerCase(Locale.ROOT);
                    if (demanded.contains("all") || demanded.contains(group)) {
                        throw new ExtensionConfigurationException(
                                "-Dringtap.require asks for " + group + ", but: " + missing.get());
                    }
                    return ConditionEvaluationResult.disabled(group + ": " + missing.get());
                }
            }
            return ConditionEvaluationResult.enabled("all there");
        }
    }
}
