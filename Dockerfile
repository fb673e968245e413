# SPDX-License-Identifier: Apache-2.0
#
# ringtap as an image: a runtime of just the Java modules it uses, the libraries those need, and nothing else: no shell,
# no package manager. docs/containers.md says how to run it and what each capability is for.
#
#   docker build -t ringtap .

FROM debian:trixie-slim AS build
RUN mkdir -p /usr/share/man/man1 \
    && apt-get update -qq \
    && apt-get install -y -qq --no-install-recommends openjdk-25-jdk-headless maven ca-certificates binutils >/dev/null \
    && apt-get clean
WORKDIR /src
COPY pom.xml ./
COPY virtio-net virtio-net
COPY ebpf-vm ebpf-vm
COPY tuntap-jna tuntap-jna
COPY emulator-core emulator-core
COPY fake-guest fake-guest
COPY ringtap-cli ringtap-cli
COPY integration-tests integration-tests
RUN JAVA_HOME=$(dirname "$(dirname "$(readlink -f "$(command -v javac)")")") \
    mvn -B -ntp -q -DskipTests -pl ringtap-cli -am package

# java.management: Netty asks for the process's own limits. jdk.unsupported: Unsafe, for Netty and JNA.
RUN jlink --module-path "$(dirname "$(dirname "$(readlink -f "$(command -v javac)")")")/jmods" \
        --add-modules java.base,java.logging,java.management,jdk.unsupported \
        --strip-debug --no-header-files --no-man-pages --compress zip-6 --output /image/opt/java \
    && mkdir -p /image/opt/ringtap /image/tmp /image/run/ringtap /image/etc \
    && chmod 1777 /image/tmp /image/run/ringtap \
    && cp ringtap-cli/target/ringtap.jar /image/opt/ringtap/ \
    && cp -r ringtap-cli/target/lib /image/opt/ringtap/ \
    && rm -f /image/opt/ringtap/lib/*linux-aarch_64* \
    && printf 'root:x:0:0::/:/none\nringtap:x:65532:65532::/:/none\n' >/image/etc/passwd \
    # The C library and what else the runtime is linked with, under the names it is looked for by.
    && { echo /opt/java/bin/java; find /image/opt/java/lib -name '*.so' | sed 's|^/image||'; } \
        | while read -r file; do ldd "/image$file"; done \
        | sed -nE 's/.*(=> |^\s+)(\/[^ ]+) \(.*/\2/p' | grep -v '^/image' | sort -u \
        | while read -r library; do \
            mkdir -p "/image$(dirname "$library")" && cp -L "$library" "/image$library"; \
        done
