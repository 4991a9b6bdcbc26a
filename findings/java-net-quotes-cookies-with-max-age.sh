#!/usr/bin/env bash
# java.net.http sends a cookie back in quotes and between attributes, when it came with Max-Age.
#
# OpenJDK 17.0.15 (Debian openjdk-17-jdk-headless), HttpClient with its own CookieManager. A cookie with Max-Age is taken for
# one of RFC 2965, which no browser speaks, and comes back as such; with Expires, or without either, it comes back plainly:
#   a=1; Path=/; Max-Age=60                               -> $Version="1"; a="1";$Path="/";$Domain="127.0.0.1"
#   a=1; Path=/; Expires=Fri, 01 Jan 2038 00:00:00 GMT    -> a=1
#   a=1; Path=/                                           -> a=1
# So a server that compares the text after `=` refuses such clients and never sees it with a browser, curl, Go or Node.
#
# What to do: take a cookie's value without quotes around it, which RFC 6265 §4.1.1 allows, and pass over other names.
# Exits with 1 when the behaviour is another one. Needs a JDK (11 or newer).
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
cat >Cookies.java <<'JAVA'
import com.sun.net.httpserver.HttpServer;
import java.net.CookieManager;
import java.net.InetSocketAddress;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse.BodyHandlers;

public class Cookies {
  public static void main(String[] line) throws Exception {
    var server = HttpServer.create(new InetSocketAddress("127.0.0.1", 0), 0);
    server.createContext("/", call -> {
      var sent = String.valueOf(call.getRequestHeaders().getFirst("Cookie")).getBytes();
      call.getResponseHeaders().add("Set-Cookie", line[0]);
      call.sendResponseHeaders(200, sent.length);
      call.getResponseBody().write(sent);
      call.close();
    });
    server.start();
    var address = URI.create("http://127.0.0.1:" + server.getAddress().getPort() + "/");
    var client = HttpClient.newBuilder().cookieHandler(new CookieManager()).build();
    client.send(HttpRequest.newBuilder(address).build(), BodyHandlers.ofString());
    System.out.println(client.send(HttpRequest.newBuilder(address).build(), BodyHandlers.ofString()).body());
    server.stop(0);
  }
}
JAVA
expect() { # SET_COOKIE COOKIE
    seen=$(java Cookies.java "$1")
    printf '%s  ->  %s\n' "$1" "$seen"
    case $seen in "$2"*) ;; *) echo "the behaviour has changed"; exit 1 ;; esac
}
expect 'a=1; Path=/; Max-Age=60' '$Version="1"; a="1";$Path="/"'
expect 'a=1; Path=/; Expires=Fri, 01 Jan 2038 00:00:00 GMT' 'a=1'
expect 'a=1; Path=/' 'a=1'
