// SPDX-License-Identifier: Apache-2.0
package dev.ringtap.cli.run;

import dev.ringtap.cli.host.EmulatedHost;
import dev.ringtap.emulator.HashSourceChoice;
import dev.ringtap.emulator.SteeredEmulatedTap;
import dev.ringtap.emulator.device.SteeringDesign;
import dev.ringtap.emulator.tap.TapPort;
import dev.ringtap.emulator.tap.emulated.EmulatedTap;
import java.io.IOException;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.List;
import java.util.stream.Collectors;

/** A TAP inside this process, with a small host behind it. */
final class EmulatedRunTap implements RunTap {
    private final SteeredEmulatedTap steered;
    private final List<String> lines;

    private EmulatedRunTap(SteeredEmulatedTap steered, List<String> lines) {
        this.steered = steered;
        this.lines = List.copyOf(lines);
    }

    /** @param addresses those that the host answers for */
    static EmulatedRunTap open(EmulatedTap.Options options, List<HostAddress> addresses, HashSourceChoice hashSource)
            throws IOException {
        SteeredEmulatedTap steered = SteeredEmulatedTap.with(options, hashSource);
        EmulatedTap tap = steered.tap();
        List<String> lines = new ArrayList<>();
        lines.add("hashes: %s (%s)".formatted(steered.steering().description(), steered.reason()));
        EmulatedHost.behind(tap, addresses.stream().map(HostAddress::address).toList());
        String mac = HexFormat.ofDelimiter(":").formatHex(tap.mac());
        lines.add(
                addresses.isEmpty()
                        ? "host: MAC %s, no address (--address gives it one); nothing answers".formatted(mac)
                        : "host: MAC %s, answers ARP, neighbour solicitations and pings at %s"
                                .formatted(
                                        mac,
                                        addresses.stream()
                                                .map(address ->
                                                        address.address().getHostAddress())
                                                .collect(Collectors.joining(", "))));
        return new EmulatedRunTap(steered, lines);
    }

    @Override
    public TapPort port() {
        return steered.tap();
    }

    @Override
    public SteeringDesign steering() {
        return steered.steering();
    }

    @Override
    public List<String> lines() {
        return lines;
    }

    @Override
    public void guestReady() {
        // Nothing waits for it.
    }

    @Override
    public void close() {
        steered.steering().close();
        steered.tap().close();
    }
}
