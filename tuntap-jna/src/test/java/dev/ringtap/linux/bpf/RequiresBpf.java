// SPDX-License-Identifier: Apache-2.0
package dev.ringtap.linux.bpf;

import java.io.IOException;
import java.lang.annotation.ElementType;
import java.lang.annotation.Retention;
import java.lang.annotation.RetentionPolicy;
import java.lang.annotation.Target;
import java.util.List;
import org.junit.jupiter.api.extension.ConditionEvaluationResult;
import org.junit.jupiter.api.extension.ExecutionCondition;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.extension.ExtensionContext;

/**
 * Skips tests where eBPF programs cannot be loaded, in one line that says why. With {@code -Dringtap.require=bpf} (or
 * {@code all}) they run and fail instead.
 */
@Target({ElementType.TYPE, ElementType.METHOD})
@Retention(RetentionPolicy.RUNTIME)
@ExtendWith(RequiresBpf.Condition.class)
@interface RequiresBpf {
    final class Condition implements ExecutionCondition {
        @Override
        public ConditionEvaluationResult evaluateExecutionCondition(ExtensionContext context) {
            var required = List.of(System.getProperty("ringtap.require", "").split(","));
            if (required.contains("bpf") || required.contains("all"))
                return ConditionEvaluationResult.enabled("required by ringtap.require");
            try (var program = SteeringProgram.load()) {
                return ConditionEvaluationResult.enabled(program.current().toString());
            } catch (BpfException e) {
                // A program that the verifier refuses is what the tests are there to find.
                return ConditionEvaluationResult.enabled(e.getMessage());
            } catch (IOException e) {
                return ConditionEvaluationResult.disabled(e.getMessage());
            }
        }
    }
}
