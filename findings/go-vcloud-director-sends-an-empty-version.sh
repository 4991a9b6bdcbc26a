#!/usr/bin/env bash
# go-vcloud-director, Cloud Director's Go library, asks for an API token with `Accept: application/json;version=`: the
# parameter is there, and its value is empty. All its other requests name a version.
#
# A server that reads the version from Accept and refuses an unknown one with 406 so refuses every registration of an API
# token or service account (POST /oauth/{tenant/NAME|provider}/register), and nothing else.
#
# Seen with github.com/vmware/go-vcloud-director/v3 v3.1.1, Go 1.26:
#   /cloudapi/1.0.0/sessions        application/*;version=38.0
#   /oauth/tenant/acme/register     application/json;version=
#
# What to do: take an empty version as none.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
cat > main.go <<'GO'
package main

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"

	"github.com/vmware/go-vcloud-director/v3/govcd"
	"github.com/vmware/go-vcloud-director/v3/types/v56"
)

func main() {
	seen := map[string]string{}
	var server *httptest.Server
	server = httptest.NewServer(http.HandlerFunc(func(answer http.ResponseWriter, request *http.Request) {
		seen[request.URL.Path] = request.Header.Get("Accept")
		switch request.URL.Path {
		case "/api/versions":
			fmt.Fprintf(answer, `<SupportedVersions><VersionInfo><Version>38.0</Version><LoginUrl>%s/cloudapi/1.0.0/sessions`+
				`</LoginUrl></VersionInfo></SupportedVersions>`, server.URL)
		case "/cloudapi/1.0.0/sessions":
			answer.Header().Set("X-Vmware-Vcloud-Access-Token", "t")
		default:
			answer.Header().Set("Content-Type", "application/json")
			fmt.Fprint(answer, `{"client_id":"3b0c9e0e-1f0a-4c43-9a43-6d7b5f3c1a11"}`)
		}
	}))
	address, _ := url.Parse(server.URL + "/api")
	client := govcd.NewVCDClient(*address, true, govcd.WithAPIVersion("38.0"))
	if err := client.Authenticate("ann", "secret", "acme"); err != nil {
		panic(err)
	}
	if _, err := client.RegisterToken("acme", &types.ApiTokenParams{ClientName: "script"}); err != nil {
		panic(err)
	}
	for _, path := range []string{"/cloudapi/1.0.0/sessions", "/oauth/tenant/acme/register"} {
		fmt.Println(path, seen[path])
	}
}
GO
printf 'module finding\n\ngo 1.24\n' > go.mod
go get github.com/vmware/go-vcloud-director/v3/govcd@v3.1.1 2>/dev/null
seen=$(go run .)
echo "$seen"
grep -qx '/cloudapi/1.0.0/sessions application/\*;version=38.0' <<< "$seen"
grep -qx '/oauth/tenant/acme/register application/json;version=' <<< "$seen"
