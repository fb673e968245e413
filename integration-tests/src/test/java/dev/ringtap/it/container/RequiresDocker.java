// SPDX-License-Identifier: Apache-2.0
package dev.ringtap.it.container;

import dev.ringtap.linux.HostGroup;
import java.io.IOException;
import java.lang.annotation.ElementType;
import java.lang.annotation.Inherited;
import java.lang.annotation.Retention;
import java.lang.annotation.RetentionPolicy;
import java.lang.annotation.Target;
import java.util.concurrent.atomic.AtomicBoolean;
import org.junit.jupiter.api.extension.ConditionEvaluationResult;
import org.junit.jupiter.api.extension.ExecutionCondition;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.extension.ExtensionConfigurationException;
import org.junit.jupiter.api.extension.ExtensionContext;

/**
 * A test that runs containers on an engine of this machine, as root: it enters their network namespaces. Skipped where
 * there is none, failed if {@code ringtap.require} names docker.
 */
@Target({ElementType.TYPE, ElementType.METHOD})
@Retention(RetentionPolicy.RUNTIME)
@Inherited
@ExtendWith(RequiresDocker.Condition.class)
public @interface RequiresDocker {
    /** Decides before the test's own fixtures run. */
    class Condition implements ExecutionCondition {
        private static final AtomicBoolean TOLD = new AtomicBoolean();

        @Override
        public ConditionEvaluationResult evaluateExecutionCondition(ExtensionContext context) {
            String missing = missing();
            if (missing == null) {
                return ConditionEvaluationResult.enabled("there is a Docker engine");
            }
            if (HostGroup.DOCKER.required()) {
                throw new ExtensionConfigurationException("ringtap.require names docker, but " + missing);
            }
            if (TOLD.compareAndSet(false, true)) {
                // Surefire counts skipped tests and keeps their reasons to its reports.
                System.out.println("Skipping the tests of containers: " + missing);
            }
            return ConditionEvaluationResult.disabled("docker: " + missing);
        }

        private static String missing() {
            for (HostGroup needed : new HostGroup[] {HostGroup.ROOT, HostGroup.TAP}) {
                if (needed.missing() != null) {
                    return needed.missing();
                }
            }
            return engineAnswers() ? null : "no Docker engine answers (docker info)";
        }

        /** Testcontainers could be asked, too, and would fill pages with what it tried. */
        private static boolean engineAnswers() {
            try {
                Process info = new ProcessBuilder("docker", "info")
                        .redirectErrorStream(true)
                        .redirectOutput(ProcessBuilder.Redirect.DISCARD)
                        .start();
                return info.waitFor() == 0;
            } catch (IOException e) {
                return false;
            } catch (InterruptedException e) {
                Thread.currentThread().interrupt();
                return false;
            }
        }
    }
}
