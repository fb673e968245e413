// SPDX-License-Identifier: Apache-2.0
package dev.ringtap.it;

import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.function.Supplier;
import org.junit.jupiter.api.extension.ExtensionContext;
import org.junit.jupiter.api.extension.LifecycleMethodExecutionExceptionHandler;
import org.junit.jupiter.api.extension.TestExecutionExceptionHandler;

/** Adds what the processes under test have printed to a failure, which alone seldom says what went wrong over there. */
final class OutputOnFailure implements TestExecutionExceptionHandler, LifecycleMethodExecutionExceptionHandler {
    private final List<Supplier<String>> outputs = new CopyOnWriteArrayList<>();

    /** Registers a process whose output belongs into failures. */
    RingtapProcess watch(RingtapProcess process) {
        outputs.add(() -> process.describe("output"));
        return process;
    }

    @Override
    public void handleTestExecutionException(ExtensionContext context, Throwable failure) throws Throwable {
        throw withOutputs(failure);
    }

    @Override
    public void handleBeforeAllMethodExecutionException(ExtensionContext context, Throwable failure) throws Throwable {
        throw withOutputs(failure);
    }

    private Throwable withOutputs(Throwable failure) {
        outputs.forEach(output -> failure.addSuppressed(new AssertionError(output.get())));
        return failure;
    }
}
