// SPDX-License-Identifier: Apache-2.0
package dev.ringtap.it.deploy;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.google.gson.Gson;
import com.google.gson.JsonElement;
import io.kubernetes.client.openapi.JSON;
import io.kubernetes.client.openapi.models.V1Container;
import io.kubernetes.client.openapi.models.V1DaemonSet;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.snakeyaml.engine.v2.api.Load;
import org.snakeyaml.engine.v2.api.LoadSettings;

/** The manifest is what Kubernetes' schema allows, and asks for no more than ringtap needs. */
class KubernetesManifestTest {
    private static final Path MANIFEST = Path.of("..", "deploy", "kubernetes", "daemonset.yaml");

    private static JsonElement read(String yaml) {
        return new Gson().toJsonTree(new Load(LoadSettings.builder().build()).loadFromString(yaml));
    }

    private static V1DaemonSet daemonSet() throws IOException {
        JsonElement json = read(Files.readString(MANIFEST));
        V1DaemonSet.validateJsonElement(json);
        return JSON.getGson().fromJson(json, V1DaemonSet.class);
    }

    @Test
    void keepsToTheSchema() throws IOException {
        assertThat(daemonSet().getKind()).isEqualTo("DaemonSet");
    }

    @Test
    void theSchemaWouldFindAMisspelledField() throws IOException {
        String misspelled = Files.readString(MANIFEST).replace("readOnlyRootFilesystem", "readOnlyRootFileSystem");
        assertThatThrownBy(() -> V1DaemonSet.validateJsonElement(read(misspelled)))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining("readOnlyRootFileSystem");
    }

    @Test
    void asksForNoMoreThanItNeeds() throws IOException {
        V1Container container =
                daemonSet().getSpec().getTemplate().getSpec().getContainers().getFirst();
        var security = container.getSecurityContext();
        assertThat(security.getPrivileged()).isFalse();
        assertThat(security.getAllowPrivilegeEscalation()).isFalse();
        assertThat(security.getReadOnlyRootFilesystem()).isTrue();
        assertThat(security.getCapabilities().getDrop()).containsExactly("ALL");
        assertThat(security.getCapabilities().getAdd()).containsExactly("NET_ADMIN", "BPF", "PERFMON");
    }

    /** A selector that does not fit the pods is no fault of the schema, and refused by every cluster. */
    @Test
    void selectsItsOwnPods() throws IOException {
        var spec = daemonSet().getSpec();
        assertThat(spec.getTemplate().getMetadata().getLabels())
                .containsAllEntriesOf(spec.getSelector().getMatchLabels());
    }
}
