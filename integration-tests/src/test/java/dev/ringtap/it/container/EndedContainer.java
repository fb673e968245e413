// SPDX-License-Identifier: Apache-2.0
package dev.ringtap.it.container;

import com.github.dockerjava.api.DockerClient;
import com.github.dockerjava.api.async.ResultCallback;
import com.github.dockerjava.api.model.Frame;
import com.github.dockerjava.api.model.HostConfig;
import java.nio.charset.StandardCharsets;
import java.util.concurrent.TimeUnit;
import org.testcontainers.DockerClientFactory;

/**
 * A container that ran to its own end.
 *
 * @param exitCode of its process
 * @param output of both streams
 */
record EndedContainer(int exitCode, String output) {
    private static final long LIMIT_S = 60;

    /** Runs an image as a user, by number, and waits for its end. */
    static EndedContainer run(String image, HostConfig host, String user, String... arguments)
            throws InterruptedException {
        DockerClient client = DockerClientFactory.instance().client();
        String id = client.createContainerCmd(image)
                .withHostConfig(host)
                .withUser(user)
                .withCmd(arguments)
                .exec()
                .getId();
        try {
            client.startContainerCmd(id).exec();
            int exitCode = client.waitContainerCmd(id).start().awaitStatusCode((int) LIMIT_S, TimeUnit.SECONDS);
            StringBuilder output = new StringBuilder();
            client.logContainerCmd(id)
                    .withStdOut(true)
                    .withStdErr(true)
                    .exec(new ResultCallback.Adapter<Frame>() {
                        @Override
                        public void onNext(Frame frame) {
                            output.append(new String(frame.getPayload(), StandardCharsets.UTF_8));
                        }
                    })
                    .awaitCompletion(LIMIT_S, TimeUnit.SECONDS);
            return new EndedContainer(exitCode, output.toString());
        } finally {
            client.removeContainerCmd(id).withForce(true).exec();
        }
    }
}
