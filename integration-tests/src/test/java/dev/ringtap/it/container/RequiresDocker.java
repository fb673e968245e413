// SPDX-License-Identifier: Apache-2.0
package dev.ringtap.it.container;

import dev.ringtap.linux.HostGroup;
import java.lang.annotation.ElementType;
import java.lang.annotation.Inherited;
import java.lang.annotation.Retention;
import java.lang.annotation.RetentionPolicy;
import java.lang.annotation.Target;
import java.util.Locale;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.function.Function;
import org.junit.jupiter.api.extension.ConditionEvaluationResult;
import org.junit.jupiter.api.extension.ExecutionCondition;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.extension.ExtensionConfigurationException;
import org.junit.jupiter.api.extension.ExtensionContext;
import org.junit.platform.commons.support.AnnotationSupport;

/**
 * A test that runs containers; of its own user it asks only that an engine answers him. Skipped where there is none, or none
 * that is good for what the test needs; failed instead if {@code ringtap.require} names docker, or docker_bpf for
 * {@link Need#BPF_BY_NAME}.
 */
@Target({ElementType.TYPE, ElementType.METHOD})
@Retention(RetentionPolicy.RUNTIME)
@Inherited
@ExtendWith(RequiresDocker.Condition.class)
public @interface RequiresDocker {
    /** What the engine must be good for beside running containers. */
    Need[] value() default {};

    /** What an engine may be good for. */
    enum Need {
        /** Containers of this machine's kernel, whose users are the machine's: descriptors pass, sockets are shared. */
        NATIVE(HostGroup.DOCKER, Engine::missingNative),
        /** Containers that make TAPs of the kernel's, with NET_ADMIN. */
        TAP(HostGroup.DOCKER, Engine::missingTap),
        /** Containers with the capabilities BPF and PERFMON, and not SYS_ADMIN. */
        BPF_BY_NAME(HostGroup.DOCKER_BPF, Engine::missingBpfByName),
        /** Docker Compose. */
        COMPOSE(HostGroup.DOCKER, Engine::missingCompose);

        private final HostGroup group;
        private final Function<Engine, String> missing;

        Need(HostGroup group, Function<Engine, String> missing) {
            this.group = group;
            this.missing = missing;
        }
    }

    /** Decides before the test's own fixtures run. */
    class Condition implements ExecutionCondition {
        private static final Set<String> TOLD = ConcurrentHashMap.newKeySet();

        @Override
        public ConditionEvaluationResult evaluateExecutionCondition(ExtensionContext context) {
            Engine engine = Engine.instance();
            if (engine.missing() != null) {
                return without(HostGroup.DOCKER, engine.missing());
            }
            Need[] needs = AnnotationSupport.findAnnotation(context.getElement(), RequiresDocker.class)
                    .map(RequiresDocker::value)
                    .orElse(new Need[0]);
            for (Need need : needs) {
                String missing = need.missing.apply(engine);
                if (missing != null) {
                    return without(need.group, missing);
                }
            }
            return ConditionEvaluationResult.enabled("there is a Docker engine");
        }

        private static ConditionEvaluationResult without(HostGroup group, String missing) {
            if (group.required()) {
                throw new ExtensionConfigurationException("ringtap.require names %s, but %s"
                        .formatted(group.name().toLowerCase(Locale.ROOT), missing));
            }
            if (TOLD.add(missing)) {
                // Surefire counts skipped tests and keeps their reasons to its reports.
                System.out.println("Skipping tests of containers: " + missing);
            }
            return ConditionEvaluationResult.disabled("docker: " + missing);
        }
    }
}
