// SPDX-License-Identifier: Apache-2.0
package dev.ringtap.linux;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.platform.commons.support.AnnotationSupport;

class GroupConditionTest {
    private String before;

    @BeforeEach
    void remember() {
        before = System.getProperty("ringtap.require");
    }

    @AfterEach
    void restore() {
        if (before == null) System.clearProperty("ringtap.require");
        else System.setProperty("ringtap.require", before);
    }

    @Test
    void requiresWhatThePropertyNames() {
        System.clearProperty("ringtap.require");
        assertThat(HostGroup.values()).noneMatch(HostGroup::required);
        System.setProperty("ringtap.require", "tap, uml");
        assertThat(HostGroup.values()).filteredOn(HostGroup::required).containsExactly(HostGroup.TAP, HostGroup.UML);
        System.setProperty("ringtap.require", "all");
        assertThat(HostGroup.values()).allMatch(HostGroup::required);
    }

    @Test
    void findsEveryGroupOfATest() {
        @RequiresTap
        @RequiresBpf
        class Both {}
        var groups = AnnotationSupport.findRepeatableAnnotations(Both.class, RequiresGroup.class);
        assertThat(groups).extracting(RequiresGroup::value).containsExactlyInAnyOrder(HostGroup.TAP, HostGroup.BPF);
    }

    @Test
    void saysWhatIsMissingInOneLine() {
        for (var group : HostGroup.values()) {
            String missing = group.missing();
            if (missing != null) assertThat(missing).isNotBlank().doesNotContain("\n");
        }
    }
}
