// SPDX-License-Identifier: Apache-2.0
package dev.ringtap.linux;

import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import org.junit.jupiter.api.extension.ConditionEvaluationResult;
import org.junit.jupiter.api.extension.ExecutionCondition;
import org.junit.jupiter.api.extension.ExtensionContext;
import org.junit.platform.commons.support.AnnotationSupport;

/** Decides about tests under {@link RequiresGroup}. */
final class GroupCondition implements ExecutionCondition {
    private static final Set<HostGroup> TOLD = ConcurrentHashMap.newKeySet();

    @Override
    public ConditionEvaluationResult evaluateExecutionCondition(ExtensionContext context) {
        var groups = context.getElement()
                .map(element -> AnnotationSupport.findRepeatableAnnotations(element, RequiresGroup.class))
                .orElseThrow();
        for (var required : groups) {
            var group = required.value();
            String missing = group.missing();
            if (missing == null) continue;
            if (group.required())
                throw new AssertionError("ringtap.require asks for the group " + group + ", but: " + missing);
            if (TOLD.add(group)) {
                // Surefire counts skipped tests and keeps their reasons to its reports.
                System.out.println("Skipping the tests of group " + group + ": " + missing);
            }
            return ConditionEvaluationResult.disabled(missing);
        }
        return ConditionEvaluationResult.enabled("the host has what it takes");
    }
}
