// SPDX-License-Identifier: Apache-2.0
package dev.ringtap.it.container;

import com.github.dockerjava.api.DockerClient;
import com.github.dockerjava.api.async.ResultCallback;
import com.github.dockerjava.api.model.Frame;
import com.github.dockerjava.api.model.HostConfig;
import java.nio.charset.StandardCharsets;
import java.util.concurrent.TimeUnit;
import java.util.regex.Pattern;
import org.testcontainers.DockerClientFactory;

/**
 * A container that ends by itself.
 *
 * @param id its identifier
 */
record StartedContainer(String id) implements AutoCloseable {
    private static final long LIMIT_S = 60;

    /** Starts an image as a user, by number. */
    static StartedContainer start(String image, HostConfig host, String user, String... arguments) {
        var started = new StartedContainer(client().createContainerCmd(image)
                .withHostConfig(host)
                .withUser(user)
                .withCmd(arguments)
                .exec()
                .getId());
        try {
            client().startContainerCmd(started.id).exec();
            return started;
        } catch (RuntimeException e) {
            started.close();
            throw e;
        }
    }

    private static DockerClient client() {
        return DockerClientFactory.instance().client();
    }

    /** Waits until what it printed contains a pattern. */
    void awaitOutput(String pattern) throws InterruptedException {
        Pattern expected = Pattern.compile(pattern);
        long deadline = System.nanoTime() + TimeUnit.SECONDS.toNanos(LIMIT_S);
        while (!expected.matcher(output()).find()) {
            if (System.nanoTime() > deadline) {
                throw new AssertionError("has not printed " + pattern + ":\n" + output());
            }
            Thread.sleep(100);
        }
    }

    /** Waits for its end; the exit code of its process. */
    int awaitExit() {
        return client().waitContainerCmd(id).start().awaitStatusCode((int) LIMIT_S, TimeUnit.SECONDS);
    }

    /** What it has printed so far, both streams. */
    String output() throws InterruptedException {
        StringBuilder output = new StringBuilder();
        client().logContainerCmd(id)
                .withStdOut(true)
                .withStdErr(true)
                .exec(new ResultCallback.Adapter<Frame>() {
                    @Override
                    public void onNext(Frame frame) {
                        output.append(new String(frame.getPayload(), StandardCharsets.UTF_8));
                    }
                })
                .awaitCompletion(LIMIT_S, TimeUnit.SECONDS);
        return output.toString();
    }

    /** Removes it, be it running or not. */
    @Override
    public void close() {
        client().removeContainerCmd(id).withForce(true).exec();
    }
}
