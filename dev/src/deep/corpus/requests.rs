//! Requests that are wrong whatever their token is: headers, methods, paths, queries.
//!
//! Those with wrong methods, paths and queries have a valid token, so that only the request itself can be refused.

use bytes::Bytes;
use cargo_dev::commands::deep::Subject;
use emulated_tenant::Signing;
use http::{HeaderName, HeaderValue, Method, Request, header};
use http_body_util::Full;

use super::case::{Cases, Expected};
use crate::deep::request::path;

/// Paths that need a token, each of which takes GET.
const fn paths_of(subject: Subject) -> [&'static str; 3] {
    match subject {
        Subject::Api => ["/api/profile-get", "/api/profile", "/api/profile-get/photo"],
        Subject::Gateway => ["/", "/healthz", "/AuthorizationHeader/graph?optionsOverride.Scopes=x"],
        Subject::Sidecar => [
            "/call/entra.spin.internal/Validate",
            "/call/entra.spin.internal/AuthorizationHeader/graph",
            "/call/entra.spin.internal/authorizationheader/graph?optionsOverride.RequestAppToken=false",
        ],
    }
}

pub(super) fn add(cases: &mut Cases<'_>) {
    let right = cases.right_token();
    let forged = cases.tenant.access_token(cases.person, |plan| plan.signing = Signing::ForgedKey);
    authorization(cases, &right);
    several(cases, &right, &forged);
    elsewhere(cases, &right);
    heads(cases, &forged);
    match cases.subject {
        Subject::Api => {
            methods(cases, &right);
            paths(cases, &right);
            queries(cases, &right);
        }
        Subject::Gateway => of_the_gateway(cases, &right),
        Subject::Sidecar => of_the_sidecar(cases, &right),
    }
    other_headers(cases, &forged);
}

fn authorization(cases: &mut Cases<'_>, right: &str) {
    cases.kind("no Bearer token", Expected::TOKEN_MISSING);
    for path in paths_of(cases.subject) {
        cases.target(format!("none, {path}"), Method::GET, path, "");
    }
    for scheme in [
        "Basic",
        "Digest",
        "Negotiate",
        "NTLM",
        "DPoP",
        "PoP",
        "MAC",
        "Token",
        "JWT",
        "OAuth",
        "AWS4-HMAC-SHA256",
        "SharedKey",
        "bearertoken",
        "xBearer",
        "Bearer:",
        "Bearer,",
        "Bearer\t",
        "\"Bearer\"",
        "Bea",
        "B",
        "access_token",
    ] {
        one(cases, format!("{scheme:?} with a right token"), &format!("{scheme} {right}"), right);
    }
    for value in ["", "Basic", "Basic Og==", right, "=", ","] {
        one(cases, format!("{:?}", value.chars().take(24).collect::<String>()), value, right);
    }
    cases.kind("Bearer without a token", Expected::INVALID_TOKEN);
    for value in [
        "Bearer",
        "bearer",
        "BEARER",
        "Bearer =",
        "Bearer ==",
        "Bearer ,",
        "Bearer ?",
        "Bearer \"\"",
        "Bearer {}",
        "Bearer ñ",
        "Bearer a b",
        "Bearer a,b",
        "Bearer a;b",
        "Bearer realm=\"x\"",
        "Bearer null",
        "Bearer undefined",
        "Bearer [object Object]",
        "Bearer <token>",
        "Bearer ${TOKEN}",
        "Bearer %20",
        "Bearer a=b",
        "Bearer\u{b7}x",
    ] {
        one(cases, format!("{value:?}"), value, "");
    }
}

fn one(cases: &mut Cases<'_>, name: String, value: &str, token: &str) {
    if let Ok(value) = HeaderValue::from_bytes(value.as_bytes()) {
        cases.headers(name, &[(header::AUTHORIZATION, value)], token);
    }
}

fn several(cases: &mut Cases<'_>, right: &str, forged: &str) {
    cases.kind("several tokens", Expected::SEVERAL_TOKENS);
    let (right_value, forged_value) = (format!("Bearer {right}"), format!("Bearer {forged}"));
    let basic = "Basic Og==".to_owned();
    for (name, values) in [
        ("right twice", vec![&right_value, &right_value]),
        ("right and forged", vec![&right_value, &forged_value]),
        ("forged and right", vec![&forged_value, &right_value]),
        ("right and Basic", vec![&right_value, &basic]),
        ("Basic and right", vec![&basic, &right_value]),
        ("Basic twice", vec![&basic, &basic]),
        ("right three times", vec![&right_value, &right_value, &right_value]),
        ("right ten times", vec![&right_value; 10]),
    ] {
        let values = values.into_iter().filter_map(|value| HeaderValue::try_from(value.as_str()).ok());
        let headers: Vec<_> = values.map(|value| (header::AUTHORIZATION, value)).collect();
        cases.headers(name, &headers, right);
    }
}

/// A valid token in the wrong place.
fn elsewhere(cases: &mut Cases<'_>, right: &str) {
    cases.kind("a token elsewhere", Expected::TOKEN_MISSING);
    for name in [
        "proxy-authorization",
        "x-authorization",
        "x-forwarded-authorization",
        "x-access-token",
        "x-ms-token-aad-access-token",
        "access_token",
        "token",
        "authentication",
        "www-authenticate",
        "x-original-authorization",
        "authorization2",
    ] {
        if let (Ok(name), Ok(value)) = (HeaderName::try_from(name), HeaderValue::try_from(format!("Bearer {right}"))) {
            cases.headers(format!("the header {name}"), &[(name, value)], right);
        }
    }
    for name in ["access_token=", "Authorization=Bearer "] {
        if let Ok(value) = HeaderValue::try_from(format!("{name}{right}")) {
            cases.headers(format!("the cookie {name}"), &[(header::COOKIE, value)], right);
        }
    }
    for parameter in ["access_token=", "token=", "authorization=Bearer%20", "$select="] {
        let target = cases.with_parameter(&format!("{parameter}{right}"));
        cases.target(format!("the parameter {parameter}"), Method::GET, &target, "");
    }
    let body = Bytes::from(format!("access_token={right}"));
    for content_type in ["application/x-www-form-urlencoded", "application/json"] {
        let request =
            Request::get(path(cases.subject)).header(header::CONTENT_TYPE, content_type).body(Full::new(body.clone()));
        if let Ok(request) = request {
            cases.request(format!("a body of {content_type}"), request, right);
        }
    }
}

fn methods(cases: &mut Cases<'_>, right: &str) {
    cases.kind("methods", Expected::METHOD_NOT_ALLOWED);
    for path in paths_of(cases.subject) {
        for method in [
            "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "PROPFIND", "MKCOL", "COPY", "MOVE", "LOCK",
            "SEARCH", "PURGE", "QUERY", "LINK", "REPORT", "get", "Get", "GETS", "G", "HEADER", "post", "GET!",
            "M-SEARCH",
        ] {
            if let Ok(name) = Method::from_bytes(method.as_bytes()) {
                cases.target(format!("{method} {path}"), name.clone(), path, right);
                cases.target(format!("{method} {path} without a token"), name, path, "");
            }
        }
    }
}

fn heads(cases: &mut Cases<'_>, forged: &str) {
    for path in paths_of(cases.subject) {
        cases.kind("HEAD", Expected::TOKEN_MISSING_TO_HEAD);
        cases.target(format!("without a token, {path}"), Method::HEAD, path, "");
        cases.kind("HEAD", Expected::INVALID_TOKEN_TO_HEAD);
        cases.target(format!("with a forged token, {path}"), Method::HEAD, path, forged);
    }
}

fn paths(cases: &mut Cases<'_>, right: &str) {
    cases.kind("paths", Expected::NOT_FOUND);
    for path in [
        "/",
        "/api",
        "/api/",
        "/api/profile-get/",
        "/api/profile-get/photo/",
        "/api/profile/",
        "//api/profile-get",
        "/api//profile-get",
        "/api/./profile-get",
        "/api/x/../profile-get",
        "/api/profile-get/..",
        "/api/profile-get/.",
        "/API/PROFILE-GET",
        "/Api/Profile-Get",
        "/api/profile-get%00",
        "/api/profile-get%20",
        "/api/profile-get%2f",
        "/api/profile-get%2fphoto",
        "/api%2fprofile-get",
        "/%61pi/profile-get",
        "/api/profile%2dget",
        "/api/profile-get;x=1",
        "/api/profile-get:80",
        "/api/profile-get.json",
        "/api/profile-get~",
        "/api/profile-get/me",
        "/api/profile-get/photo/x",
        "/api/profile-get/../../etc/passwd",
        "/api/profile_get",
        "/api/profile-gets",
        "/api/profile-ge",
        "/api/profile-get*",
        "/api/profiles",
        "/api/profile/photo",
        "/v1.0/me",
        "/me",
        "/users",
        "/.env",
        "/.git/config",
        "/metrics",
        "/health",
        "/admin",
        "/.well-known/openid-configuration",
        "/.well-known/spin/x",
        "/api/profile-get%c0%af",
        "/api/profile-get%e2%80%ae",
        "/api/profile-get/%2e%2e",
        "/api/..%2fprofile-get",
        "/api/profile-get\\",
        "/index.html",
        "/favicon.ico",
        "/robots.txt",
    ] {
        cases.target(path, Method::GET, path, right);
        cases.target(format!("{path} by POST"), Method::POST, path, right);
    }
}

fn queries(cases: &mut Cases<'_>, right: &str) {
    cases.kind("queries", Expected::INVALID_REQUEST);
    let long_name = format!("$select={}", "a".repeat(257));
    let many_names = format!("$select={}", vec!["id"; 5500].join(","));
    let far_too_many = format!("$select={}", vec!["id"; 12_000].join(","));
    let queries = [
        "x",
        "x=1",
        "=",
        "=x",
        "select=id",
        "$SELECT=id",
        "$Select=id",
        "$select =id",
        "+$select=id",
        "$select[]=id",
        "%24select%00=id",
        "$filter=id",
        "$expand=manager",
        "$search=x",
        "$top=999",
        "$skip=1",
        "$count=true",
        "$orderby=id",
        "$format=atom",
        "$levels=1",
        "$select",
        "$select=",
        "$select=,",
        "$select=id,",
        "$select=,id",
        "$select=id,,mail",
        "$select=*",
        "$select=%2a",
        "$select=id;mail",
        "$select=id%20mail",
        "$select=id|mail",
        "$select=id/mail",
        "$select=../users",
        "$select=id%2f..%2fusers",
        "$select=id%26$expand=manager",
        "$select=id%23",
        "$select=id%3f",
        "$select=id%0d%0aX-Injected:%201",
        "$select=id%00",
        "$select=%ff",
        "$select=%c0%af",
        "$select=1id",
        "$select=_id",
        "$select=-id",
        "$select=id'",
        "$select=id%22",
        "$select=(id)",
        "$select=id(1)",
        "$select=$value",
        "$select=@odata.type",
        "$select=%c3%a9",
        "$select=%d1%96d",
        "$select=i%CC%87d",
        "$select=id&$select=mail",
        "$select=id&$select=id",
        "$select=id&x=1",
        "x=1&$select=id",
        "$select=id&$expand=manager",
        "$select=id&$filter=x",
        "$select=id&%24select=mail",
        "access_token=x",
        "$select=id&access_token=x",
        "api-version=1",
        "$select=id?x",
        "$select=id;$expand=manager",
        "callback=x",
        "tenant=other",
        "user=other",
    ];
    for query in queries.into_iter().chain([long_name.as_str(), &many_names, &far_too_many]) {
        let name: String = query.chars().take(60).collect();
        cases.target(format!("{name} ({} bytes)", query.len()), Method::GET, &cases.with_parameter(query), right);
    }
    for query in ["x", "$select=id", "$select=", "size=648x648", "=", "%24value"] {
        cases.target(format!("of the photo: {query}"), Method::GET, &format!("/api/profile-get/photo?{query}"), right);
    }
}

/// Requests that never reach the app, whoever sends them.
fn of_the_gateway(cases: &mut Cases<'_>, right: &str) {
    cases.kind("paths that programs read differently", Expected::INVALID_PATH);
    for path in [
        "//me",
        "/a//b",
        "/./me",
        "/a/../me",
        "/a/..",
        "/a/.",
        "/a/..;/me",
        "/a/.;x/me",
        "/%2e%2e/me",
        "/a/%2E/me",
        "/a/.%2e/me",
        "/a%2fme",
        "/a%2Fme",
        "/a%5cme",
        "/a/..%2fme",
        "/a/..%5Cme",
        "/a%00",
        "/a%0d%0aX-Injected:1",
        "/a%7f",
        "/a%",
        "/a%2",
        "/a%zz",
        "/a%252fme",
        "/%252e%252e/me",
        "/a%25252fme",
        "/a/..%3b/me",
        "/%u002e%u002e/me",
        "/a\\..\\me",
    ] {
        for (whose, token) in [("a right", right), ("no", "")] {
            cases.target(format!("{path}, {whose} token"), Method::GET, path, token);
            cases.target(format!("{path} by POST, {whose} token"), Method::POST, path, token);
        }
    }
    cases.kind("TRACE", Expected::METHOD_NOT_ALLOWED);
    for path in ["/", "/me", "/.well-known/oauth-protected-resource"] {
        cases.target(path, Method::TRACE, path, right);
    }
    cases.kind("methods without a token", Expected::TOKEN_MISSING);
    for method in ["POST", "PUT", "PATCH", "DELETE", "OPTIONS", "PROPFIND", "QUERY", "get", "M-SEARCH"] {
        for path in ["/", "/me", "/Validate", "/DownstreamApi/graph", "/.well-known/openid-configuration"] {
            if let Ok(name) = Method::from_bytes(method.as_bytes()) {
                cases.target(format!("{method} {path}"), name, path, "");
            }
        }
    }
    cases.kind("WebSockets", Expected::UPGRADE);
    if let Ok(authorization) = HeaderValue::try_from(format!("Bearer {right}")) {
        let key = (header::SEC_WEBSOCKET_KEY, HeaderValue::from_static("dGhlIHNhbXBsZSBub25jZQ=="));
        cases.headers("with a token", &[(header::AUTHORIZATION, authorization), key.clone()], right);
        cases.headers("without one", &[key], "");
    }
}

/// Requests of an app for which there is no token, whoever calls it.
fn of_the_sidecar(cases: &mut Cases<'_>, right: &str) {
    const SIDECAR: &str = "/call/entra.spin.internal";
    cases.kind("parameters", Expected::PARAMETER);
    for parameter in [
        "x=1",
        "AgentIdentity=x",
        "AgentUserId=x",
        "AgentUsername=x",
        "optionsOverride.BaseUrl=http://attacker.example",
        "optionsOverride.RequestAppToken=true",
        "optionsOverride.RequestAppToken=x",
        "optionsOverride.Scopes=Mail.ReadWrite",
        "optionsOverride.Scopes=https://graph.microsoft.com/.default",
        "optionsOverride.Scopes=https://other.example/User.Read",
        "optionsOverride.AcquireTokenOptions.Tenant=common",
        "optionsOverride.AcquireTokenOptions.Tenant=11111111-1111-4111-8111-111111111111",
        "optionsOverride.AcquireTokenOptions.Claims=x",
        "optionsOverride.AcquireTokenOptions.CorrelationId=x",
        "optionsOverride.AcquireTokenOptions.FmiPath=x",
        "optionsOverride.AcquireTokenOptions.PopPublicKey=x",
        "optionsOverride.AcquireTokenOptions.LongRunningWebApiSessionKey=x",
        "optionsOverride.AcquireTokenOptions.ManagedIdentity.UserAssignedClientId=x",
        "optionsOverride.RelativePath=../users",
        "optionsOverride.RelativePath=..%2fusers",
        "optionsOverride.RelativePath=%252e%252e/users",
        "optionsOverride.RelativePath=//attacker.example",
        "optionsOverride.RelativePath=me%23",
        "optionsOverride.RelativePath=me%09HTTP/1.1",
        "optionsOverride.RelativePath=me%0d%0aX-Injected:%201",
        "optionsOverride.HttpMethod=TRACE",
        "optionsOverride.HttpMethod=GET%20/users",
        "optionsOverride.AcceptHeader=a%0d%0ab:c",
        "optionsOverride.ContentType=a%0ab:c",
    ] {
        let target = cases.with_parameter(parameter);
        cases.target(parameter, Method::GET, &target, right);
    }
    cases.kind("unknown APIs", Expected::UNKNOWN_API);
    for name in ["x", "", "graph2", "graph%20", "gr%61ph", "%2e%2e", "entra"] {
        cases.target(name, Method::GET, &format!("{SIDECAR}/AuthorizationHeader/{name}"), right);
    }
    cases.kind("other paths", Expected::NOT_FOUND);
    for path in ["", "x", "Validate/", "AuthorizationHeader", "AuthorizationHeader/graph/x", "/Validate", "./Validate"]
    {
        cases.target(path, Method::GET, &format!("{SIDECAR}/{path}"), right);
    }
    cases.kind("methods", Expected::METHOD_NOT_ALLOWED);
    for (method, path) in [
        ("POST", "Validate"),
        ("DELETE", "AuthorizationHeader/graph"),
        ("HEAD2", "DownstreamApi/graph"),
        ("OPTIONS", "DownstreamApi/graph"),
        ("TRACE", "Validate"),
        ("get", "Validate"),
        ("POST", "healthz"),
    ] {
        if let Ok(name) = Method::from_bytes(method.as_bytes()) {
            cases.target(format!("{method} {path}"), name, &format!("{SIDECAR}/{path}"), right);
        }
    }
    cases.kind("tokens of the application", Expected::APPLICATION_TOKENS);
    for path in ["AuthorizationHeaderUnauthenticated/graph", "DownstreamApiUnauthenticated/graph"] {
        for (whose, token) in [("a right", right), ("no", "")] {
            let target = format!("{SIDECAR}/{path}?optionsOverride.RequestAppToken=true");
            cases.target(format!("{path}, {whose} token"), Method::GET, &target, token);
        }
    }
}

/// Headers that other software is known to trust, with a forged token.
fn other_headers(cases: &mut Cases<'_>, forged: &str) {
    let pairs = [
        ("x-ms-client-principal", "eyJhdXRoX3R5cCI6ImFhZCJ9"),
        ("x-ms-client-principal-id", "00000000-0000-0000-0000-000000000001"),
        ("x-ms-client-principal-name", "admin"),
        ("x-forwarded-user", "admin"),
        ("x-remote-user", "admin"),
        ("remote-user", "admin"),
        ("x-forwarded-for", "127.0.0.1"),
        ("x-real-ip", "127.0.0.1"),
        ("forwarded", "for=127.0.0.1;host=attacker.example;proto=https"),
        ("x-forwarded-host", "attacker.example"),
        ("x-forwarded-proto", "https"),
        ("x-original-url", "/api/admin"),
        ("x-rewrite-url", "/.well-known/spin/health"),
        ("x-http-method-override", "OPTIONS"),
        ("x-http-method", "TRACE"),
        ("host", "attacker.example"),
        ("spin-full-url", "http://attacker.example/api/profile-get"),
        ("spin-path-info", "/photo"),
        ("spin-matched-route", "/admin"),
        ("spin-client-addr", "127.0.0.1:1"),
        ("spin-client-addr", "0.0.0.0:0"),
        ("spin-base-path", "/admin"),
        ("origin", "https://attacker.example"),
        ("origin", "null"),
        ("referer", "https://attacker.example/"),
        ("access-control-request-method", "GET"),
        ("traceparent", "00-00000000000000000000000000000000-0000000000000000-00"),
        ("traceparent", "ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"),
        ("traceparent", "x"),
        ("tracestate", "a=b,c=d"),
        ("client-request-id", "x"),
        ("client-request-id", "00000000-0000-0000-0000-000000000000\u{e9}"),
        ("request-id", "9b3d2f6e-0a4b-4c8d-9e1f-2a3b4c5d6e7f"),
        ("if-none-match", "*"),
        ("if-none-match", "\"x\", \"y\""),
        ("if-match", "*"),
        ("range", "bytes=0-0"),
        ("accept", "text/html"),
        ("accept-encoding", "gzip, br, *;q=0"),
        ("content-type", "application/jwt"),
        ("te", "trailers"),
        ("upgrade-insecure-requests", "1"),
        ("cookie", "session=admin"),
        ("prefer", "return=minimal"),
    ];
    for (name, value) in pairs {
        let (Ok(header), Ok(value)) = (HeaderName::try_from(name), HeaderValue::from_bytes(value.as_bytes())) else {
            continue;
        };
        let Ok(authorization) = HeaderValue::try_from(format!("Bearer {forged}")) else { continue };
        cases.kind("headers that others trust, forged token", Expected::INVALID_TOKEN);
        cases.headers(
            format!("{name}: {value:?}"),
            &[(header.clone(), value.clone()), (header::AUTHORIZATION, authorization)],
            forged,
        );
        cases.kind("headers that others trust, no token", Expected::TOKEN_MISSING);
        cases.headers(format!("{name}: {value:?}"), &[(header, value)], "");
    }
}
