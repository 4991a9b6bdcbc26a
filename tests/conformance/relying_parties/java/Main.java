// A relying party on Nimbus' OAuth 2.0 SDK, as its documentation shows it. It plays the browser too, and writes what came
// of each step as one JSON object.

import com.nimbusds.jose.JWSAlgorithm;
import com.nimbusds.jose.jwk.source.JWKSourceBuilder;
import com.nimbusds.jose.proc.JWSVerificationKeySelector;
import com.nimbusds.jose.proc.SecurityContext;
import com.nimbusds.jwt.proc.DefaultJWTProcessor;
import com.nimbusds.oauth2.sdk.AuthorizationCode;
import com.nimbusds.oauth2.sdk.AuthorizationCodeGrant;
import com.nimbusds.oauth2.sdk.AuthorizationGrant;
import com.nimbusds.oauth2.sdk.ClientCredentialsGrant;
import com.nimbusds.oauth2.sdk.RefreshTokenGrant;
import com.nimbusds.oauth2.sdk.ResponseType;
import com.nimbusds.oauth2.sdk.Scope;
import com.nimbusds.oauth2.sdk.TokenIntrospectionRequest;
import com.nimbusds.oauth2.sdk.TokenIntrospectionResponse;
import com.nimbusds.oauth2.sdk.TokenRequest;
import com.nimbusds.oauth2.sdk.TokenRevocationRequest;
import com.nimbusds.oauth2.sdk.as.AuthorizationServerMetadata;
import com.nimbusds.oauth2.sdk.auth.ClientAuthentication;
import com.nimbusds.oauth2.sdk.auth.ClientSecretBasic;
import com.nimbusds.oauth2.sdk.auth.ClientSecretPost;
import com.nimbusds.oauth2.sdk.auth.Secret;
import com.nimbusds.oauth2.sdk.http.HTTPRequest;
import com.nimbusds.oauth2.sdk.id.ClientID;
import com.nimbusds.oauth2.sdk.id.Issuer;
import com.nimbusds.oauth2.sdk.id.State;
import com.nimbusds.oauth2.sdk.pkce.CodeChallengeMethod;
import com.nimbusds.oauth2.sdk.pkce.CodeVerifier;
import com.nimbusds.oauth2.sdk.token.BearerAccessToken;
import com.nimbusds.oauth2.sdk.util.JSONObjectUtils;
import com.nimbusds.oauth2.sdk.util.URLUtils;
import com.nimbusds.openid.connect.sdk.AuthenticationRequest;
import com.nimbusds.openid.connect.sdk.LogoutRequest;
import com.nimbusds.openid.connect.sdk.Nonce;
import com.nimbusds.openid.connect.sdk.OIDCTokenResponse;
import com.nimbusds.openid.connect.sdk.OIDCTokenResponseParser;
import com.nimbusds.openid.connect.sdk.UserInfoRequest;
import com.nimbusds.openid.connect.sdk.UserInfoResponse;
import com.nimbusds.openid.connect.sdk.claims.ACR;
import com.nimbusds.openid.connect.sdk.op.OIDCProviderMetadata;
import com.nimbusds.openid.connect.sdk.token.OIDCTokens;
import com.nimbusds.openid.connect.sdk.validators.IDTokenValidator;
import java.net.CookieManager;
import java.net.URI;
import java.net.URLEncoder;
import java.net.http.HttpClient;
import java.net.http.HttpResponse.BodyHandlers;
import java.nio.charset.StandardCharsets;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.regex.Pattern;

public class Main {
  static Map<String, Object> facts;
  static OIDCProviderMetadata server;

  public static void main(String[] ignored) throws Exception {
    facts = JSONObjectUtils.parse(new String(System.in.readAllBytes(), StandardCharsets.UTF_8));
    var issuer = new Issuer(fact("issuer"));
    var id = new ClientID(fact("clientId"));
    var basic = new ClientSecretBasic(id, new Secret(fact("secret")));
    var post = new ClientSecretPost(id, new Secret(fact("secret")));
    var took = new LinkedHashMap<String, Object>();
    server = OIDCProviderMetadata.resolve(issuer);
    took.put("oauth2Metadata", AuthorizationServerMetadata.resolve(issuer).getIssuer().equals(issuer));

    var verifier = new CodeVerifier();
    var callback = URI.create(fact("redirectUri"));
    var scope = new Scope("openid", "email", "profile", "address", "phone", "groups");
    var request = new AuthenticationRequest.Builder(new ResponseType("code"), scope, id, callback)
        .endpointURI(server.getAuthorizationEndpointURI()).state(new State("s1")).nonce(new Nonce("n1")).maxAge(300)
        .acrValues(List.of(new ACR("1"))).codeChallenge(verifier, CodeChallengeMethod.S256)
        .resources(URI.create("https://a.example"), URI.create("https://b.example")).build();
    var code = new AuthorizationCode(signIn(request.toURI()));
    var tokens = tokens(basic, new AuthorizationCodeGrant(code, callback, verifier));
    var validator = new IDTokenValidator(issuer, id, JWSAlgorithm.RS256, server.getJWKSetURI().toURL());
    took.put("signIn", signedIn(tokens, validator, new Nonce("n1")));

    var access = tokens.getOIDCTokens().getBearerAccessToken();
    var processor = new DefaultJWTProcessor<SecurityContext>();
    processor.setJWSKeySelector(new JWSVerificationKeySelector<>(JWSAlgorithm.RS256,
        JWKSourceBuilder.create(server.getJWKSetURI().toURL()).retrying(true).build()));
    var known = processor.process(access.getValue(), null);
    var byForm = userinfo(access, HTTPRequest.Method.POST);
    took.put("userinfo", userinfo(access, HTTPRequest.Method.GET));
    if (!byForm.equals(took.get("userinfo")) || !known.getSubject().equals(byForm.get("sub"))) {
      throw new IllegalStateException("userinfo by POST differs: " + byForm);
    }

    var refreshed = tokens(post, new RefreshTokenGrant(tokens.getOIDCTokens().getRefreshToken()));
    var renewed = new LinkedHashMap<>(signedIn(refreshed, validator, null));
    var before = tokens.getOIDCTokens().getRefreshToken().getValue();
    renewed.put("rotated", !before.equals(refreshed.getOIDCTokens().getRefreshToken().getValue()));
    took.put("refresh", renewed);

    if (server.getIntrospectionEndpointURI() != null) {
      var ask = new TokenRequest(server.getTokenEndpointURI(), post, new ClientCredentialsGrant(), scope);
      var own = OIDCTokenResponseParser.parse(ask.toHTTPRequest().send()).toSuccessResponse();
      took.put("clientCredentials", own.getTokens().getAccessToken().getScope().toString());
      var last = refreshed.getOIDCTokens().getBearerAccessToken();
      took.put("introspection", isActive(basic, last));
      new TokenRevocationRequest(server.getRevocationEndpointURI(), basic, last).toHTTPRequest().send();
      took.put("revoked", isActive(basic, last));
    }
    if (server.getEndSessionEndpointURI() != null) {
      took.put("signOut", signOut(refreshed.getOIDCTokens()));
    }
    System.out.println(com.nimbusds.jose.util.JSONObjectUtils.toJSONString(took));
  }

  static Map<String, Object> signOut(OIDCTokens tokens) throws Exception {
    var request = new LogoutRequest(server.getEndSessionEndpointURI(), tokens.getIDToken(),
        URI.create(fact("signedOutUri")), new State("s9")).toHTTPRequest();
    request.setFollowRedirects(false);
    var back = URLUtils.parseParameters(request.send().getLocation().getQuery());
    var dead = new UserInfoRequest(server.getUserInfoEndpointURI(), tokens.getBearerAccessToken()).toHTTPRequest();
    return Map.of("state", back.get("state").get(0), "userinfo", dead.send().getStatusCode());
  }

  static String fact(String name) {
    return (String) facts.get(name);
  }

  static OIDCTokenResponse tokens(ClientAuthentication client, AuthorizationGrant grant) throws Exception {
    var request = new TokenRequest(server.getTokenEndpointURI(), client, grant);
    var answer = OIDCTokenResponseParser.parse(request.toHTTPRequest().send());
    if (!answer.indicatesSuccess()) {
      throw new IllegalStateException(answer.toErrorResponse().getErrorObject().toJSONObject().toString());
    }
    return (OIDCTokenResponse) answer.toSuccessResponse();
  }

  static Map<String, Object> signedIn(OIDCTokenResponse answer, IDTokenValidator validator, Nonce nonce) throws Exception {
    var tokens = answer.getOIDCTokens();
    var claims = validator.validate(tokens.getIDToken(), nonce);
    var access = tokens.getBearerAccessToken();
    return Map.of("claims", claims.toJSONObject(), "expires", access.getLifetime() > 0,
        "scope", access.getScope().toString());
  }

  static Map<String, Object> userinfo(BearerAccessToken access, HTTPRequest.Method method) throws Exception {
    var request = new UserInfoRequest(server.getUserInfoEndpointURI(), method, access);
    return UserInfoResponse.parse(request.toHTTPRequest().send()).toSuccessResponse().getUserInfo().toJSONObject();
  }

  static boolean isActive(ClientAuthentication client, BearerAccessToken access) throws Exception {
    var request = new TokenIntrospectionRequest(server.getIntrospectionEndpointURI(), client, access);
    return TokenIntrospectionResponse.parse(request.toHTTPRequest().send()).toSuccessResponse().isActive();
  }

  // What the person and the browser do, up to the redirect back; the code in it.
  static String signIn(URI address) throws Exception {
    var browser = HttpClient.newBuilder().cookieHandler(new CookieManager()).build();
    var page = browser.send(java.net.http.HttpRequest.newBuilder(address).build(), BodyHandlers.ofString());
    var body = page.body().split("</form>")[0];  // other forms lead to other ways
    var form = new StringBuilder("username=" + encoded(fact("username")) + "&password=" + encoded(fact("password")));
    var hidden = Pattern.compile("<input type=\"hidden\" name=\"(\\w+)\" value=\"([^\"]*)\">").matcher(body);
    while (hidden.find()) {
      form.append("&").append(hidden.group(1)).append("=").append(encoded(unescaped(hidden.group(2))));
    }
    var action = Pattern.compile("action=\"([^\"]+)\"").matcher(body);
    if (!action.find()) {
      throw new IllegalStateException("no sign-in page: " + page.statusCode() + " " + page.headers().map());
    }
    var target = java.net.http.HttpRequest.newBuilder(address.resolve(unescaped(action.group(1))))
        .header("Content-Type", "application/x-www-form-urlencoded")
        .POST(java.net.http.HttpRequest.BodyPublishers.ofString(form.toString())).build();
    var back = browser.send(target, BodyHandlers.ofString()).headers().firstValue("location").orElseThrow();
    var code = Pattern.compile("[?&]code=([^&]+)").matcher(back);
    if (!code.find()) {
      throw new IllegalStateException("no code: " + back);
    }
    return code.group(1);
  }

  static String encoded(String text) {
    return URLEncoder.encode(text, StandardCharsets.UTF_8);
  }

  static String unescaped(String text) {
    return text.replace("&#34;", "\"").replace("&#39;", "'").replace("&lt;", "<").replace("&gt;", ">")
        .replace("&amp;", "&");
  }
}
