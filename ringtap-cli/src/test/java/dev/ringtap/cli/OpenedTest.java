// SPDX-License-Identifier: Apache-2.0
package dev.ringtap.cli;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.FutureTask;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

@Timeout(30)
class OpenedTest {
    private static final long LONG_MS = 20_000;
    private static final long SHORT_MS = 50;

    private final List<String> told = new CopyOnWriteArrayList<>();
    private Opened opened = new Opened(LONG_MS, () -> told.add("last"));

    @Test
    void closesTheLastFirstAndOnce() throws Exception {
        opened.open(() -> closes("TAP"));
        opened.open(() -> null);
        opened.open(() -> closes("emulator"));
        opened.close();
        opened.close();
        assertThat(told).containsExactly("emulator", "TAP");
    }

    @Test
    void signalClosesAndThenSaysTheLastWord() throws Exception {
        opened.open(() -> closes("TAP"));
        opened.stop();
        opened.close();
        assertThat(told).containsExactly("TAP", "last");
        assertThat(opened.stopping()).isTrue();
    }

    @Test
    void nothingIsOpenedAfterASignal() {
        opened.stop();
        assertThatThrownBy(() -> opened.open(() -> closes("TAP")))
                .isInstanceOf(CommandException.class)
                .hasMessage("stopped by a signal");
        assertThat(told).containsExactly("last");
    }

    @Test
    void signalWaitsForWhatIsJustBeingOpened() throws Exception {
        opened.open(() -> closes("TAP"));
        Thread signal = Thread.ofPlatform().unstarted(opened::stop);
        assertThatThrownBy(() -> opened.open(() -> {
                    signal.start();
                    awaitWaiting(signal);
                    told.add("emulator is open");
                    return closes("emulator");
                }))
                .isInstanceOf(CommandException.class);
        signal.join();
        assertThat(told).containsExactly("emulator is open", "emulator", "TAP", "last");
    }

    @Test
    void signalDoesNotWaitForWhatCannotBeOpened() throws Exception {
        Thread signal = Thread.ofPlatform().unstarted(opened::stop);
        assertThatThrownBy(() -> opened.open(() -> {
                    signal.start();
                    awaitWaiting(signal);
                    throw new IOException("refused");
                }))
                .isInstanceOf(IOException.class);
        signal.join();
        assertThat(told).containsExactly("last");
    }

    /** Such as a capture file that is a named pipe. */
    @Test
    void whatIsOpenedTooLateIsClosedByItsOpener() {
        opened = new Opened(SHORT_MS, () -> told.add("last"));
        assertThatThrownBy(() -> opened.open(() -> {
                    opened.stop();
                    return closes("too late");
                }))
                .isInstanceOf(CommandException.class);
        assertThat(told).containsExactly("last", "too late");
    }

    @Test
    void whoeverClosesSecondWaitsForTheFirst() throws Exception {
        CountDownLatch closing = new CountDownLatch(1);
        CountDownLatch go = new CountDownLatch(1);
        opened.open(() -> () -> {
            closing.countDown();
            go.await();
            told.add("TAP");
        });
        FutureTask<Void> first = new FutureTask<>(opened::stop, null);
        Thread.ofPlatform().start(first);
        closing.await();
        Thread second = Thread.ofPlatform().start(() -> {
            opened.close();
            told.add("second has closed");
        });
        while (second.getState() != Thread.State.BLOCKED) {
            Thread.sleep(1);
        }
        go.countDown();
        first.get();
        second.join();
        assertThat(told).startsWith("TAP").contains("last", "second has closed");
    }

    @Test
    void whatCannotBeClosedDoesNotKeepTheRestOpen() throws Exception {
        opened.open(() -> closes("TAP"));
        opened.open(() -> () -> {
            throw new IOException("cannot be closed");
        });
        opened.close();
        assertThat(told).containsExactly("TAP");
    }

    @Test
    void hookIsTakenAwayWithIt() {
        Opened hooked = Opened.untilSignal("test", () -> told.add("last"));
        hooked.close();
        assertThat(hooked.stopping()).isFalse();
        assertThat(told).isEmpty();
    }

    private AutoCloseable closes(String name) {
        return () -> told.add(name);
    }

    private static void awaitWaiting(Thread thread) throws InterruptedException {
        while (thread.getState() != Thread.State.TIMED_WAITING) {
            Thread.sleep(1);
        }
    }
}
