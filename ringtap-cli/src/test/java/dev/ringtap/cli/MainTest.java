// SPDX-License-Identifier: Apache-2.0
package dev.ringtap.cli;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import picocli.CommandLine;

class MainTest {
    private final StringWriter out = new StringWriter();
    private final StringWriter err = new StringWriter();

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            value = {
                "verify --flows 3          | --flows 3: must be between 57",
                "verify --flows many       | 'many' is not an int",
                "verify --queue-pairs 0    | --queue-pairs 0: must be between 1 and 127",
                "verify --queue-pairs 300  | --queue-pairs 300: must be between 1 and 127",
                "verify --load -5          | --load -5: must be 0, for no load, or more",
                "verify --socket ''        | Invalid value for option '--socket': the path is empty",
                "verify --socket s --namespace '' | Invalid value for option '--namespace': the path is empty",
                "verify --socket s --interface '' | --interface '': the name is empty",
                "health --socket ''        | Invalid value for option '--socket': the path is empty",
                "guest --socket ''         | Invalid value for option '--socket': the path is empty",
                "compare --svg ''          | Invalid value for option '--svg': the path is empty",
                "run --socket ''           | Invalid value for option '--socket': the path is empty",
                "run --socket s --pcap-in ''      | Invalid value for option '--pcap-in': the path is empty",
                "run --socket s --pcap-out ''     | Invalid value for option '--pcap-out': the path is empty",
                "run --socket s --steering ''     | --steering '': the file's name is empty; expected FILE[:PROGRAM]",
                "run --socket s --filter :main    | --filter ':main': the file's name is empty; expected FILE[:PROGRAM]",
                "run --socket s --tap-name ''     | --tap-name: TAP name \"\": 0 bytes; an interface name has 1 to 15",
                "run --socket s --address ''      | such as 10.9.0.1/24, not '': there is no prefix length",
                "run --socket s --mac ''          | --mac '': expected six bytes such as",
                "verify --engine steam     | expected one of [auto, epoll, io_uring]",
                "verify --tap tap0         | expected one of [auto, kernel, emulated]",
                "verify --hash-source gpu  | expected one of [auto, device, ebpf, kernel, vnet-hash, kfunc]",
                "verify --tap emulated --hash-source ebpf    | ebpf: not with --tap emulated, only with --tap kernel",
                "verify --tap kernel --hash-source kfunc     | kfunc: not with --tap kernel, only with --tap emulated",
                "verify --tap kernel --hash-source vnet-hash | vnet-hash: not with --tap kernel, only with --tap emu",
                "run --socket s --tap tap0 | expected one of [auto, kernel, emulated]; the interface's name goes to an",
                "run --socket s --tap tap0 | option of its own: --tap-name tap0",
                "run --socket s --tap-name a:b | --tap-name: TAP name \"a:b\": an interface name has no slash, colon",
                "run --socket s --tap-name a-name-of-sixteen | 17 bytes; an interface name has 1 to 15",
                "run --socket s --tap emulated --tap-name t  | --tap-name t: names an interface of the kernel's",
                "run --socket s --tap kernel --pcap-out f    | --pcap-out: only with --tap emulated",
                "run --socket s --tap-name t --pcap-in f     | --pcap-in: only with --tap emulated",
                "run --socket s --pcap-in f --pcap-out ./f   | --pcap-out ./f: is the file of --pcap-in",
                "run --socket s --tap emulated --hash-source ebpf | ebpf: not with --tap emulated, only with --tap ker",
                "run --socket s --pcap-out f --hash-source ebpf   | ebpf: not with --tap emulated, only with --tap ker",
                "run --socket s --tap-name t --hash-source kfunc  | kfunc: not with --tap kernel, only with --tap emul",
                "run --socket s --tap-fd x                   | 'x' is not an int",
                "run --socket s --tap-fd 3,2                 | --tap-fd 3,2: 2 is no descriptor to hand in",
                "run --socket s --tap-fd 3,4,3               | --tap-fd 3,4,3: a descriptor stands there twice",
                "run --socket s --tap-fd 3 --tap-name t      | --tap-fd 3: hands in a TAP of the kernel's; leave out --t",
                "run --socket s --tap-fd 3 --tap emulated    | leave out --tap emulated",
                "run --socket s --tap-fd 3 --pcap-in f       | leave out --pcap-in",
                "run --socket s --tap-fd 3 --queue-pairs 2   | --queue-pairs 2: as many as --tap-fd hands in queues, 1",
                "run --socket s --tap-fd 3 --hash-source kfunc    | kfunc: not with --tap kernel, only with --tap emul",
                "run --socket s --address 10.0.0.1           | such as 10.9.0.1/24, not '10.0.0.1'",
                "run --socket s --address 10.0.0.1/33        | such as 10.9.0.1/24, not '10.0.0.1/33'",
                "run --socket s --address localhost/8        | such as 10.9.0.1/24, not 'localhost/8'",
                "run --socket s --address cafe/24            | not 'cafe/24': the address is not four numbers from 0",
                "run --socket s --address 1/24               | not '1/24': the address is not four numbers from 0 to",
                "run --socket s --address 10.0.0.256/24      | not '10.0.0.256/24': the address is not four numbers",
                "run --socket s --address 010.0.0.1/24       | not '010.0.0.1/24': the address is not four numbers",
                "run --socket s --address 10.0.0.1/+8        | not '10.0.0.1/+8': the prefix length is 0 to 32",
                "run --socket s --address fd00::1/129        | not 'fd00::1/129': the prefix length is 0 to 128",
                "run --socket s --address fd00:::1/64        | not 'fd00:::1/64': the address is not an IPv6 one",
                "run --socket s --address fe80::1%lo/64      | not 'fe80::1%lo/64': the address is not an IPv6 one",
                "run --socket s --address ::ffff:10.0.0.1/24 | the address is not an IPv6 one",
                "run --socket s --address 224.0.0.1/24       | that is the address of a group, not of one host",
                "run --socket s --address 255.255.255.255/24 | that is the address of a group, not of one host",
                "run --socket s --address ff02::1/64         | that is the address of a group, not of one host",
                "run --socket s --address 0.0.0.0/0          | that is the address of no host",
                "run --socket s --address ::/64              | that is the address of no host",
                "guest --socket s --address 10.9             | --address '10.9': expected an IPv4 address such as 10.9",
                "guest --socket s --ping 300                 | --ping '300': expected an IPv4 address such as 10.9.0.2",
                "guest --socket s --ping 224.0.0.1           | that is the address of a group, not of one host",
                "run --socket s --engine steam     | expected one of [auto, epoll, io_uring]",
                "run --socket s --rss-table 64     | --rss-table 64: expected a power of two from 128 to 512",
                "run --socket s --rss-table 1024   | --rss-table 1024: expected a power of two from 128 to 512",
                "run --socket s --mac 00:00:00:00:00:00 | not all zero",
                "run --socket s --mac 01:00:00:00:00:01 | not the address of a group",
                "compare --flows 3         | --flows 3: must be between 57",
                "compare --flows 600 --packets 599 | --packets 599: must be between 600 (one of every flow)",
                "compare --passes 0        | --passes 0: must be between 1 and 1000",
                "compare --queue-pairs 1   | --queue-pairs 1: must be between 2 (a TAP with one queue steers nothing)",
                "run --socket s --map a=b          | --map 'a=b': there is no program with maps",
                "run --socket s --steering no.o --map a | --map 'a': expected NAME=FILE",
                "run --socket s --steering no.o:main    | no.o: there is no such file",
                "verify --wrong            | Unknown option: '--wrong'",
                "verfy                     | Unmatched argument at index 0: 'verfy'",
            })
    void wrongUsageIsToldOnStandardErrorWithExitCode2(String arguments, String message) {
        // '' stands for an empty argument, as in a shell.
        String[] given = Stream.of(arguments.strip().split(" +"))
                .map(argument -> argument.equals("''") ? "" : argument)
                .toArray(String[]::new);
        assertThat(execute(given)).isEqualTo(2);
        assertThat(out.toString()).isEmpty();
        assertThat(err.toString()).startsWith("ringtap: ").contains(message.strip());
    }

    @Test
    void captureThatWouldOverwriteWhatIsReplayedIsWrongUsage(@TempDir Path directory) throws IOException {
        Path frames = Files.writeString(directory.resolve("frames.pcap"), "precious");
        Path symbolic = Files.createSymbolicLink(directory.resolve("symbolic"), frames);
        Path hard = Files.createLink(directory.resolve("hard"), frames);
        for (Path out : List.of(frames, symbolic, hard)) {
            assertThat(execute("run", "--socket", "s", "--pcap-in", frames.toString(), "--pcap-out", out.toString()))
                    .isEqualTo(2);
            assertThat(err.toString()).contains("--pcap-out " + out + ": is the file of --pcap-in");
        }
        assertThat(frames).hasContent("precious");
    }

    @Test
    void withoutACommandItAsksForOne() {
        assertThat(execute()).isEqualTo(2);
        assertThat(err.toString()).isEqualTo("ringtap: which command?\nTry: ringtap --help\n");
    }

    @Test
    void helpNamesTheCommandsAndNotTheHiddenOption() {
        assertThat(execute("--help")).isZero();
        assertThat(out.toString()).contains("run", "verify");
        assertThat(execute("run", "--help")).isZero();
        assertThat(out.toString())
                .contains("--tap-name=NAME", "ringtap%d", "--pcap-in=FILE", "--address=ADDRESS/LENGTH");
        assertThat(execute("verify", "--help")).isZero();
        assertThat(out.toString())
                .contains("--flows", "--json", "--tap=TAP", "--hash-source=SOURCE")
                .doesNotContain("--break-key");
        assertThat(execute("compare", "--help")).isZero();
        assertThat(out.toString()).contains("--svg", "--passes").doesNotContain("--break-design");
    }

    @Test
    void versionNamesJavaAndKernel() {
        assertThat(execute("--version")).isZero();
        assertThat(out.toString())
                .startsWith("ringtap ")
                .contains("Java " + Runtime.version().feature());
    }

    private int execute(String... arguments) {
        CommandLine command = Main.commandLine();
        return command.setOut(new PrintWriter(out)).setErr(new PrintWriter(err)).execute(arguments);
    }
}
