#!/usr/bin/env bash
# golang.org/x/oauth2 sends a request that was REFUSED FOR ANY REASON a second time, not only when the client was refused.
#
# golang.org/x/oauth2 v0.38.0, Go 1.26.8. Without an AuthStyle in the Endpoint (the zero value is AutoDetect) the library
# tries client authentication by Basic, and in the form when that fails. It does so for every error answer: a correct
# `400 {"error":"invalid_grant"}` to a mistyped password, which says that the client was known, is followed by the same
# password in the form. A way that worked is remembered in that Config value and nowhere else, one that was refused never.
# Seen: 2 requests for one wrong password, "basic invalid_grant" and "form invalid_grant"; 1 after a right password by the
# same Config, 2 again by another Config, 1 with AuthStyleInHeader.
#
# So a server that locks an account after four wrong passwords locks it after two mistakes, and one that burns a code or a
# refresh token at its second use sees a second use.
# What to do: as a client, set Endpoint.AuthStyle. As a server, do not count the same wrong password twice within seconds.
# Exits with 1 when the behaviour is another one. Needs Go.
set -euo pipefail
work=$(mktemp -d)
trap 'chmod -R u+w "$work"; rm -rf "$work"' EXIT
cd "$work"
cat >go.mod <<'MOD'
module seen

go 1.24

require golang.org/x/oauth2 v0.38.0
MOD
cat >main.go <<'GO'
package main

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"reflect"

	"golang.org/x/oauth2"
)

func main() {
	var seen []string
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		way := "form"
		if _, _, basic := r.BasicAuth(); basic {
			way = "basic"
		}
		w.Header().Set("Content-Type", "application/json")
		if r.FormValue("password") == "right" {
			seen = append(seen, way+" ok")
			fmt.Fprint(w, `{"access_token":"a","token_type":"Bearer","expires_in":60}`)
			return
		}
		seen = append(seen, way+" invalid_grant")
		w.WriteHeader(http.StatusBadRequest)
		fmt.Fprint(w, `{"error":"invalid_grant"}`)
	}))
	defer server.Close()
	config := func(style oauth2.AuthStyle) *oauth2.Config {
		endpoint := oauth2.Endpoint{TokenURL: server.URL, AuthStyle: style}
		return &oauth2.Config{ClientID: "id", ClientSecret: "s", Endpoint: endpoint}
	}
	ask := func(config *oauth2.Config, password string) []string {
		seen = nil
		config.PasswordCredentialsToken(context.Background(), "ann", password)
		return seen
	}
	detects := config(oauth2.AuthStyleAutoDetect)
	expect("a wrong password", ask(detects, "wrong"), "basic invalid_grant", "form invalid_grant")
	expect("the same again", ask(detects, "wrong"), "basic invalid_grant", "form invalid_grant")
	expect("the right one", ask(detects, "right"), "basic ok")
	expect("a wrong one after it", ask(detects, "wrong"), "basic invalid_grant")
	expect("another Config of the same client", ask(config(oauth2.AuthStyleAutoDetect), "wrong"),
		"basic invalid_grant", "form invalid_grant")
	expect("with AuthStyleInHeader", ask(config(oauth2.AuthStyleInHeader), "wrong"), "basic invalid_grant")
}

func expect(what string, got []string, wanted ...string) {
	fmt.Printf("%s: %d requests %q\n", what, len(got), got)
	if !reflect.DeepEqual(got, wanted) {
		fmt.Println("the behaviour has changed")
		os.Exit(1)
	}
}
GO
export GOFLAGS=-mod=mod GOPATH="$work/go" GOCACHE="${GOCACHE:-$(go env GOCACHE)}"
go run .
