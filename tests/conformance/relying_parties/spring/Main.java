// A web application on Spring Security's OAuth 2.0 client, as its documentation sets one up, and a browser that signs in.

import jakarta.servlet.http.HttpServletRequest;
import java.net.CookieManager;
import java.net.URI;
import java.net.URLEncoder;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.net.http.HttpResponse.BodyHandlers;
import java.nio.charset.StandardCharsets;
import java.time.Instant;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.regex.Pattern;
import org.springframework.boot.SpringApplication;
import org.springframework.boot.autoconfigure.EnableAutoConfiguration;
import org.springframework.context.annotation.Bean;
import org.springframework.context.annotation.Configuration;
import org.springframework.security.config.annotation.web.builders.HttpSecurity;
import org.springframework.security.oauth2.client.OAuth2AuthorizedClient;
import org.springframework.security.oauth2.client.authentication.OAuth2AuthenticationToken;
import org.springframework.security.oauth2.client.endpoint.OAuth2RefreshTokenGrantRequest;
import org.springframework.security.oauth2.client.endpoint.RestClientRefreshTokenTokenResponseClient;
import org.springframework.security.oauth2.client.oidc.authentication.OidcIdTokenDecoderFactory;
import org.springframework.security.oauth2.client.oidc.web.logout.OidcClientInitiatedLogoutSuccessHandler;
import org.springframework.security.oauth2.client.registration.ClientRegistration;
import org.springframework.security.oauth2.client.registration.ClientRegistrationRepository;
import org.springframework.security.oauth2.client.registration.ClientRegistrations;
import org.springframework.security.oauth2.client.registration.InMemoryClientRegistrationRepository;
import org.springframework.security.oauth2.client.web.DefaultOAuth2AuthorizationRequestResolver;
import org.springframework.security.oauth2.client.web.OAuth2AuthorizationRequestCustomizers;
import org.springframework.security.oauth2.client.web.OAuth2AuthorizedClientRepository;
import org.springframework.security.oauth2.core.OAuth2AccessToken;
import org.springframework.security.oauth2.core.oidc.endpoint.OidcParameterNames;
import org.springframework.security.oauth2.core.oidc.user.OidcUser;
import org.springframework.security.web.SecurityFilterChain;
import org.springframework.web.bind.annotation.GetMapping;
import org.springframework.web.bind.annotation.RestController;
import tools.jackson.databind.ObjectMapper;

public class Main {
  static final ObjectMapper JSON = new ObjectMapper();
  static final String NAME = "ostiary";
  static Map<?, ?> facts;

  public static void main(String[] ignored) throws Exception {
    facts = JSON.readValue(System.in.readAllBytes(), Map.class);
    var home = "http://127.0.0.1:" + facts.get("port");
    var application = new SpringApplication(Application.class, Pages.class);
    application.setDefaultProperties(Map.of("server.port", facts.get("port"), "server.address", "127.0.0.1",
        "spring.main.banner-mode", "off", "logging.level.root", "warn"));
    try (var running = application.run()) {
      var browser = HttpClient.newBuilder().cookieHandler(new CookieManager()).build();
      var page = follow(browser, home + "/oauth2/authorization/" + NAME);
      var back = send(browser, form(page));
      while (back.statusCode() / 100 == 3) {
        back = get(browser, back.uri().resolve(back.headers().firstValue("location").orElseThrow()));
      }
      var took = new LinkedHashMap<String, Object>(JSON.readValue(back.body(), Map.class));
      var userinfo = (String) took.remove("userinfoUri");
      var token = (String) took.remove("accessToken");
      if (Boolean.TRUE.equals(facts.get("atPlatform"))) {
        var ended = send(browser, HttpRequest.newBuilder(URI.create(home + "/logout"))
            .POST(HttpRequest.BodyPublishers.noBody()).build());
        var away = get(browser, URI.create(ended.headers().firstValue("location").orElseThrow() + "&state=s9"));
        var state = Pattern.compile("[?&]state=([^&\"]+)")
            .matcher(away.headers().firstValue("location").orElse(away.body()));
        var dead = send(browser, HttpRequest.newBuilder(URI.create(userinfo))
            .header("Authorization", "Bearer " + token).build());
        took.put("signOut", Map.of("state", state.find() ? state.group(1) : "", "userinfo", dead.statusCode()));
      }
      System.out.println(JSON.writeValueAsString(took));
    }
  }

  @Configuration(proxyBeanMethods = false)
  @EnableAutoConfiguration
  public static class Application {
    @Bean
    ClientRegistrationRepository registrations() {
      return new InMemoryClientRegistrationRepository(ClientRegistrations
          .fromIssuerLocation((String) facts.get("issuer")).registrationId(NAME)
          .clientId((String) facts.get("clientId")).clientSecret((String) facts.get("secret"))
          .redirectUri("http://127.0.0.1:" + facts.get("port") + "/callback")
          .scope("openid", "email", "profile", "address", "phone").build());
    }

    @Bean
    SecurityFilterChain chain(HttpSecurity http, ClientRegistrationRepository registrations) throws Exception {
      var signedOut = new OidcClientInitiatedLogoutSuccessHandler(registrations);
      signedOut.setPostLogoutRedirectUri((String) facts.get("signedOutUri"));
      var asking = new DefaultOAuth2AuthorizationRequestResolver(registrations, "/oauth2/authorization");
      asking.setAuthorizationRequestCustomizer(OAuth2AuthorizationRequestCustomizers.withPkce().andThen(request ->
          request.additionalParameters(more -> more.putAll(Map.of("acr_values", "1", "max_age", "300")))));
      return http.authorizeHttpRequests(all -> all.anyRequest().authenticated()).csrf(off -> off.disable())
          .oauth2Login(login -> login.redirectionEndpoint(at -> at.baseUri("/callback"))
              .authorizationEndpoint(at -> at.authorizationRequestResolver(asking)))
          .logout(logout -> logout.logoutSuccessHandler(signedOut)).build();
    }
  }

  @RestController
  public static class Pages {
    private final OAuth2AuthorizedClientRepository clients;

    Pages(OAuth2AuthorizedClientRepository clients) {
      this.clients = clients;
    }

    @GetMapping("/")
    Map<String, Object> home(OAuth2AuthenticationToken who, HttpServletRequest request) {
      var user = (OidcUser) who.getPrincipal();
      OAuth2AuthorizedClient client = clients.loadAuthorizedClient(NAME, who, request);
      var registration = client.getClientRegistration();
      var asked = new OAuth2RefreshTokenGrantRequest(registration, client.getAccessToken(), client.getRefreshToken());
      var fresh = new RestClientRefreshTokenTokenResponseClient().getTokenResponse(asked);
      var idToken = (String) fresh.getAdditionalParameters().get(OidcParameterNames.ID_TOKEN);
      var claims = new OidcIdTokenDecoderFactory().createDecoder(registration).decode(idToken).getClaims();
      var refresh = described(claims, fresh.getAccessToken());
      refresh.put("rotated",
          !client.getRefreshToken().getTokenValue().equals(fresh.getRefreshToken().getTokenValue()));
      return new LinkedHashMap<>(Map.of("signIn", described(user.getIdToken().getClaims(), client.getAccessToken()),
          "userinfo", plain(user.getUserInfo().getClaims()), "refresh", refresh,
          "userinfoUri", registration.getProviderDetails().getUserInfoEndpoint().getUri(),
          "accessToken", fresh.getAccessToken().getTokenValue()));
    }
  }

  static Map<String, Object> described(Map<String, Object> claims, OAuth2AccessToken access) {
    return new LinkedHashMap<>(Map.of("claims", plain(claims), "scope", String.join(" ", access.getScopes()),
        "expires", access.getExpiresAt().isAfter(Instant.now())));
  }

  // Times as the numbers that they were.
  static Map<String, Object> plain(Map<String, Object> claims) {
    var plain = new LinkedHashMap<>(claims);
    plain.replaceAll((name, value) -> value instanceof Instant at ? (Object) at.getEpochSecond() : value);
    return plain;
  }

  static HttpResponse<String> follow(HttpClient browser, String address) throws Exception {
    var seen = get(browser, URI.create(address));
    while (seen.statusCode() / 100 == 3) {
      seen = get(browser, seen.uri().resolve(seen.headers().firstValue("location").orElseThrow()));
    }
    return seen;
  }

  static HttpResponse<String> get(HttpClient browser, URI address) throws Exception {
    return send(browser, HttpRequest.newBuilder(address).build());
  }

  static HttpResponse<String> send(HttpClient browser, HttpRequest request) throws Exception {
    return browser.send(request, BodyHandlers.ofString());
  }

  // The form of the sign-in page, filled in.
  static HttpRequest form(HttpResponse<String> page) {
    var body = page.body().split("</form>")[0];  // other forms lead to other ways
    var filled = new StringBuilder("username=" + encoded("username") + "&password=" + encoded("password"));
    var hidden = Pattern.compile("<input type=\"hidden\" name=\"(\\w+)\" value=\"([^\"]*)\">").matcher(body);
    while (hidden.find()) {
      filled.append("&").append(hidden.group(1)).append("=")
          .append(URLEncoder.encode(unescaped(hidden.group(2)), StandardCharsets.UTF_8));
    }
    var action = Pattern.compile("action=\"([^\"]+)\"").matcher(body);
    if (!action.find()) {
      throw new IllegalStateException("no sign-in page: " + page.statusCode() + " " + page.body());
    }
    return HttpRequest.newBuilder(page.uri().resolve(unescaped(action.group(1))))
        .header("Content-Type", "application/x-www-form-urlencoded")
        .POST(HttpRequest.BodyPublishers.ofString(filled.toString())).build();
  }

  static String encoded(String fact) {
    return URLEncoder.encode((String) facts.get(fact), StandardCharsets.UTF_8);
  }

  static String unescaped(String text) {
    return text.replace("&#34;", "\"").replace("&#39;", "'").replace("&lt;", "<").replace("&gt;", ">")
        .replace("&amp;", "&");
  }
}
