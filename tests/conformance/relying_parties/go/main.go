// A relying party on golang.org/x/oauth2 and go-oidc, as their documentation shows it. It plays the browser too, and
// writes what came of each step as one JSON object.
package main

import (
	"context"
	"encoding/json"
	"fmt"
	"html"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"os"
	"regexp"
	"strings"

	"github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/oauth2"
	"golang.org/x/oauth2/clientcredentials"
)

var facts struct {
	Issuer     string `json:"issuer"`
	AtPlatform bool   `json:"atPlatform"`
	ClientID   string `json:"clientId"`
	Secret     string `json:"secret"`
	Redirect   string `json:"redirectUri"`
	SignedOut  string `json:"signedOutUri"`
	Username   string `json:"username"`
	Password   string `json:"password"`
}

// The claims as Go programs declare them: one of another type fails the whole token.
type claims struct {
	Subject       string   `json:"sub"`
	Email         string   `json:"email"`
	EmailVerified bool     `json:"email_verified"`
	AuthTime      int64    `json:"auth_time"`
	Acr           string   `json:"acr"`
	UpdatedAt     int64    `json:"updated_at"`
	Phone         string   `json:"phone_number"`
	Address       *address `json:"address"`
}

type address struct {
	Locality string `json:"locality"`
}

func main() {
	check(json.NewDecoder(os.Stdin).Decode(&facts))
	ctx := context.Background()
	provider, err := oidc.NewProvider(ctx, facts.Issuer)
	check(err)
	config := oauth2.Config{
		ClientID: facts.ClientID, ClientSecret: facts.Secret, Endpoint: provider.Endpoint(), RedirectURL: facts.Redirect,
		Scopes: []string{oidc.ScopeOpenID, "profile", "email", "address", "phone", oidc.ScopeOfflineAccess, "groups"},
	}
	took := map[string]any{}

	verifier := oauth2.GenerateVerifier()
	code := signIn(config.AuthCodeURL("s1", oidc.Nonce("n1"), oauth2.S256ChallengeOption(verifier),
		oauth2.SetAuthURLParam("max_age", "300"), oauth2.SetAuthURLParam("acr_values", "1")))
	token, err := config.Exchange(ctx, code, oauth2.VerifierOption(verifier))
	check(err)
	signedIn := read(ctx, provider, token)
	took["signIn"] = map[string]any{"claims": signedIn, "expires": !token.Expiry.IsZero(), "scope": token.Extra("scope")}

	info, err := provider.UserInfo(ctx, oauth2.StaticTokenSource(token))
	check(err)
	var about claims
	check(info.Claims(&about))
	took["userinfo"] = about

	stale := *token
	stale.Expiry = stale.Expiry.AddDate(-1, 0, 0)
	renewed, err := config.TokenSource(ctx, &stale).Token()
	check(err)
	took["refresh"] = map[string]any{
		"claims": read(ctx, provider, renewed), "rotated": renewed.RefreshToken != token.RefreshToken,
		"expires": !renewed.Expiry.IsZero(),
	}

	if facts.AtPlatform {
		raw, _ := renewed.Extra("id_token").(string)
		took["signOut"] = signOut(ctx, provider, raw, renewed)
	} else {
		took["clientCredentials"] = own(ctx, provider)
		took["password"] = mistaken(ctx, config)
	}
	check(json.NewEncoder(os.Stdout).Encode(took))
}

// own is the scope of a token that the client gets for itself.
func own(ctx context.Context, provider *oidc.Provider) any {
	machine := clientcredentials.Config{
		ClientID: facts.ClientID, ClientSecret: facts.Secret, TokenURL: provider.Endpoint().TokenURL,
		Scopes: []string{"openid", "profile", "email"},
	}
	token, err := machine.Token(ctx)
	check(err)
	return token.Extra("scope")
}

// mistaken sends two wrong passwords. How the client authenticates is found out by the library: it sends a refused
// password again at once, in the other way.
func mistaken(ctx context.Context, config oauth2.Config) map[string]any {
	config.Endpoint.AuthStyle = oauth2.AuthStyleAutoDetect
	mistakes := 0
	for _, wrong := range []string{"mistake one", "mistake two"} {
		fresh := config
		if _, err := fresh.PasswordCredentialsToken(ctx, facts.Username, wrong); err != nil {
			mistakes++
		}
	}
	_, err := config.PasswordCredentialsToken(ctx, facts.Username, facts.Password)
	return map[string]any{"mistakes": mistakes, "then": err == nil}
}

// signOut sends the browser to the end session endpoint, which go-oidc leaves to the caller, and asks userinfo again.
func signOut(ctx context.Context, provider *oidc.Provider, idToken string, token *oauth2.Token) map[string]any {
	var metadata struct {
		EndSession string `json:"end_session_endpoint"`
		UserInfo   string `json:"userinfo_endpoint"`
	}
	check(provider.Claims(&metadata))
	stay := http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	query := url.Values{"id_token_hint": {idToken}, "post_logout_redirect_uri": {facts.SignedOut}, "state": {"s9"}}
	left, err := stay.Get(metadata.EndSession + "?" + query.Encode())
	check(err)
	back, err := left.Location()
	check(err)
	dead, err := oauth2.NewClient(ctx, oauth2.StaticTokenSource(token)).Get(metadata.UserInfo)
	check(err)
	return map[string]any{"state": back.Query().Get("state"), "userinfo": dead.StatusCode}
}

func read(ctx context.Context, provider *oidc.Provider, token *oauth2.Token) claims {
	raw, _ := token.Extra("id_token").(string)
	identity, err := provider.Verifier(&oidc.Config{ClientID: facts.ClientID}).Verify(ctx, raw)
	check(err)
	var found claims
	check(identity.Claims(&found))
	return found
}

var hidden = regexp.MustCompile(`<input type="hidden" name="(\w+)" value="([^"]*)">`)
var action = regexp.MustCompile(`action="([^"]+)"`)

// signIn does what the person and the browser do, up to the code.
func signIn(address string) string {
	jar, err := cookiejar.New(nil)
	check(err)
	browser := http.Client{Jar: jar, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	page, err := browser.Get(address)
	check(err)
	body, err := io.ReadAll(page.Body)
	check(err)
	form := url.Values{"username": {facts.Username}, "password": {facts.Password}}
	for _, field := range hidden.FindAllStringSubmatch(string(body), -1) {
		form.Set(field[1], html.UnescapeString(field[2]))
	}
	target := action.FindStringSubmatch(string(body))
	if target == nil {
		check(fmt.Errorf("no sign-in page: %s %.300s", page.Status, body))
	}
	answer, err := browser.PostForm(html.UnescapeString(target[1]), form)
	check(err)
	location := answer.Header.Get("Location")
	if location == "" { // a page that goes on by itself
		page, err := io.ReadAll(answer.Body)
		check(err)
		found := regexp.MustCompile(strings.ReplaceAll(regexp.QuoteMeta(facts.Redirect), "/", `\\?/`) + `\?[^"'\s<]+`).Find(page)
		location = html.UnescapeString(string(found))
	}
	back, err := url.Parse(location)
	check(err)
	if back.Query().Get("state") != "s1" {
		check(fmt.Errorf("another state came back: %s", location))
	}
	return back.Query().Get("code")
}

func check(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
