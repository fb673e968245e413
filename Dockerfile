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
    && apt-get clean \
    && ln -s "$(dirname "$(dirname "$(readlink -f "$(command -v javac)")")")" /jdk
ENV JAVA_HOME=/jdk
WORKDIR /src
COPY pom.xml ./
COPY virtio-net virtio-net
COPY ebpf-vm ebpf-vm
COPY tuntap-jna tuntap-jna
COPY emulator-core emulator-core
COPY fake-guest fake-guest
COPY ringtap-cli ringtap-cli
# Not built here, but Maven wants to see every module.
COPY integration-tests/pom.xml integration-tests/
COPY benchmarks/pom.xml benchmarks/
RUN mvn -B -ntp -q -DskipTests -pl ringtap-cli -am package

# java.management: Netty asks for the process's own limits. jdk.unsupported: Unsafe, for Netty and JNA.
RUN jlink --module-path /jdk/jmods --add-modules java.base,java.logging,java.management,jdk.unsupported \
        --strip-java-debug-attributes --no-header-files --no-man-pages --compress zip-6 --output /opt/java \
    && find /opt/java -name '*.debuginfo' -delete \
    && mkdir -p /opt/ringtap \
    && cp -r ringtap-cli/target/ringtap.jar ringtap-cli/target/lib /opt/ringtap/ \
    && rm -f /opt/ringtap/lib/*linux-aarch_64*

# The C library and what else the runtime is linked with, under the names it is looked for by; what Netty's and JNA's
# libraries still ask for, though it has long been part of the C library; users, /tmp, the socket's directory.
RUN mkdir -p /root-of-image/tmp /root-of-image/run/ringtap /root-of-image/etc \
    && chmod 1777 /root-of-image/tmp /root-of-image/run/ringtap \
    && printf 'root:x:0:0::/:/none\nringtap:x:65532:65532::/:/none\n' >/root-of-image/etc/passwd \
    && { { echo /opt/java/bin/java; find /opt/java/lib -name '*.so'; } | xargs -n 1 ldd \
            | sed -nE 's/.*(=> |^\s+)(\/[^ ]+) \(.*/\2/p' | grep -v '^/opt'; \
        ldconfig -p | sed -nE 's/.* => (.*\/(libdl\.so\.2|libpthread\.so\.0|librt\.so\.1))$/\1/p'; } | sort -u \
        | while read -r library; do \
            mkdir -p "/root-of-image$(dirname "$library")" && cp -L "$library" "/root-of-image$library"; \
        done

# All files have the time SOURCE_DATE_EPOCH.
ARG SOURCE_DATE_EPOCH=1795305600
RUN find /opt/java /opt/ringtap /root-of-image -exec touch --no-dereference --date "@$SOURCE_DATE_EPOCH" {} +

# The AOT cache, with which the JVM starts in two thirds of the time: the classes that a run and a health check load. It is
# made from a list of these, not recorded (-XX:AOTCacheOutput), since a recording has profiles and times in it, and no two are
# alike. What a run loads of java.util.concurrent depends on which of its threads has to wait for which; all else is loaded
# once its list no longer grows.
RUN java() { /opt/java/bin/java --sun-misc-unsafe-memory-access=allow "$@"; } \
    && { java -XX:DumpLoadedClassList=/tmp/run.classes -jar /opt/ringtap/ringtap.jar \
            run --tap emulated --socket /tmp/guest.sock >/dev/null & } \
    && timeout 60 sh -c 'until [ -S /tmp/guest.sock ]; do sleep 0.1; done' \
    && java -XX:DumpLoadedClassList=/tmp/health.classes -jar /opt/ringtap/ringtap.jar health --socket /tmp/guest.sock \
    && until grown=$(wc -c </tmp/run.classes); sleep 2; [ "$grown" = "$(wc -c </tmp/run.classes)" ]; do :; done \
    && kill -KILL $! \
    && cat /tmp/run.classes /tmp/health.classes \
        | grep -av -e '^#' -e '^@cp' -e 'source:' -e '^java/util/concurrent/.*[$]' \
        | sed 's/ id:.*//' | LC_ALL=C sort -u >/tmp/classes \
    && java -Xshare:dump -Xlog:disable -XX:SharedClassListFile=/tmp/classes -XX:SharedArchiveFile=/opt/ringtap/ringtap.aot \
        -cp /opt/ringtap/ringtap.jar \
    && touch --date "@$SOURCE_DATE_EPOCH" /opt/ringtap/ringtap.aot /opt/ringtap

FROM scratch
LABEL org.opencontainers.image.title="ringtap" \
      org.opencontainers.image.description="A tuntap device and a virtio-net device back to back: RSS and hash reports over vhost-user" \
      org.opencontainers.image.licenses="Apache-2.0"
COPY --from=build /root-of-image /
COPY --from=build /opt/java /opt/java
COPY --from=build /opt/ringtap /opt/ringtap
ENV LANG=C.UTF-8
STOPSIGNAL SIGTERM
ENTRYPOINT ["/opt/java/bin/java", "-Xlog:disable", "-Xlog:all=error:stderr", "-XX:AOTCache=/opt/ringtap/ringtap.aot", \
    "-XX:MaxRAMPercentage=50", "-XX:Tier3DelayOn=1000", "--sun-misc-unsafe-memory-access=allow", "-jar", "/opt/ringtap/ringtap.jar"]
CMD ["run", "--socket", "/run/ringtap/guest.sock"]
HEALTHCHECK --interval=10s --timeout=5s --start-period=5s --retries=3 \
    CMD ["/opt/java/bin/java", "-Xlog:disable", "-XX:AOTCache=/opt/ringtap/ringtap.aot", "-XX:TieredStopAtLevel=1", \
    "-jar", "/opt/ringtap/ringtap.jar", "health", "--socket", "/run/ringtap/guest.sock"]
