// SPDX-License-Identifier: Apache-2.0
package dev.ringtap.it.container;

import com.github.dockerjava.api.command.InspectImageResponse;
import java.nio.file.Path;
import org.testcontainers.DockerClientFactory;
import org.testcontainers.images.builder.ImageFromDockerfile;

/** The image that the Dockerfile gives; built once. */
final class RingtapImage {
    /** An image that is there already, to be tested in place of one built from this tree. */
    private static final String GIVEN = "ringtap.image";

    private static final Path ROOT = Path.of("..").toAbsolutePath().normalize();
    private static String name;

    private RingtapImage() {}

    static synchronized String name() {
        if (name == null) {
            name = System.getProperty(GIVEN, "");
            if (name.isEmpty()) {
                name = new ImageFromDockerfile("ringtap-it", true)
                        .withDockerfile(ROOT.resolve("Dockerfile"))
                        .get();
            }
        }
        return name;
    }

    static InspectImageResponse inspect() {
        return DockerClientFactory.instance().client().inspectImageCmd(name()).exec();
    }
}
