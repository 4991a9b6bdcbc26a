#!/usr/bin/env bash
# grpc-java of 2026 still brings protobuf-java 3.25: what today's protoc generates does not compile with it.
#
# io.grpc:grpc-protobuf 1.83.1, protoc and protobuf-java 4.36.2, protobuf-maven-plugin 0.6.1 (org.xolstice), Maven 3.8.7,
# Java 17. A project that depends on grpc-protobuf and takes the newest protoc gets protobuf-java 3.25.9 by transitivity,
# and javac says of the generated classes
#   package com.google.protobuf.RuntimeVersion does not exist
# Declaring com.google.protobuf:protobuf-java of protoc's version, or newer, is enough: grpc-java works with both.
#
# What to do: declare protobuf-java beside grpc-protobuf, by the same property as protoc.
# Exits with 1 when the behaviour is another one. Needs Maven and a JDK.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
mkdir -p src/main/proto
printf 'syntax = "proto3";\npackage shop.v1;\nmessage User {}\n' >src/main/proto/users.proto
project() { # GROUP:ARTIFACT:VERSION… of the dependencies
    echo '<project><modelVersion>4.0.0</modelVersion><groupId>seen</groupId><artifactId>seen</artifactId><version>1</version>'
    echo '<properties><maven.compiler.source>17</maven.compiler.source><maven.compiler.target>17</maven.compiler.target>'
    echo '<project.build.sourceEncoding>UTF-8</project.build.sourceEncoding></properties><dependencies>'
    for dependency; do
        IFS=: read -r group artifact version <<<"$dependency"
        echo "<dependency><groupId>$group</groupId><artifactId>$artifact</artifactId><version>$version</version></dependency>"
    done
    cat <<'XML'
</dependencies><build>
<extensions><extension><groupId>kr.motd.maven</groupId><artifactId>os-maven-plugin</artifactId><version>1.7.1</version>
</extension></extensions>
<plugins><plugin><groupId>org.xolstice.maven.plugins</groupId><artifactId>protobuf-maven-plugin</artifactId>
<version>0.6.1</version><configuration>
<protocArtifact>com.google.protobuf:protoc:4.36.2:exe:${os.detected.classifier}</protocArtifact></configuration>
<executions><execution><goals><goal>compile</goal></goals></execution></executions></plugin></plugins></build></project>
XML
}
compiled() {
    project "$@" >pom.xml
    mvn --batch-mode clean compile >log 2>&1 && echo "compiles" && return
    grep -oE 'package com.google.protobuf.RuntimeVersion does not exist|COMPILATION ERROR' log | sort -u | tail -1
}
expect() {
    printf '%s: %s\n' "$1" "$2"
    [ "$2" = "$3" ] || { tail -20 log; echo "the behaviour has changed; it was: $3"; exit 1; }
}
expect "grpc-protobuf alone" "$(compiled io.grpc:grpc-protobuf:1.83.1)" \
    "package com.google.protobuf.RuntimeVersion does not exist"
expect "with protobuf-java 4.36.2" \
    "$(compiled io.grpc:grpc-protobuf:1.83.1 com.google.protobuf:protobuf-java:4.36.2)" "compiles"
