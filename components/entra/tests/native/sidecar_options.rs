//! The parameters `optionsOverride.*` of the sidecar.

use http::Method;

use crate::{
    caller_tokens::token,
    scripted_host::{Asked, CLIENT, Content, GRAPH, TENANT, World},
};

fn get(target: &str) -> Asked {
    Asked::get(target).within_app().bearer(&token())
}

#[test]
fn options_are_honoured_or_refused_by_name_and_never_ignored() {
    let world = World::new();
    let claims = "%7B%22access_token%22%3A%7B%22acrs%22%3A%7B%22value%22%3A%22c1%22%7D%7D%7D";
    for honoured in [
        "optionsOverride.RequestAppToken=false".to_owned(),
        "optionsOverride.AcquireTokenOptions.ForceRefresh=False".to_owned(),
        format!("optionsOverride.AcquireTokenOptions.Tenant={TENANT}"),
        "optionsoverride.scopes=https%3A%2F%2Fgraph.microsoft.com%2FUser.Read&optionsOverride.Scopes=Mail.Read"
            .to_owned(),
        format!("optionsOverride.AcquireTokenOptions.Claims={claims}"),
        format!("optionsOverride.AcquireTokenOptions.CorrelationId={CLIENT}"),
    ] {
        assert_eq!(world.ask(get(&format!("/AuthorizationHeader/graph?{honoured}"))).status, 200, "{honoured}");
    }
    world.ask(get(&format!("/AuthorizationHeader/graph?optionsOverride.AcquireTokenOptions.Claims={claims}")));
    assert!(world.forms().last().unwrap()["claims"].contains(r#""acrs":{"value":"c1"}"#));
    for (query, name) in [
        ("optionsOverride.RequestAppToken=true", "optionsOverride.RequestAppToken"),
        ("optionsOverride.Scopes=Mail.Send", "optionsOverride.Scopes"),
        ("optionsOverride.Scopes=.default", "optionsOverride.Scopes"),
        ("optionsOverride.BaseUrl=https://evil.test", "optionsOverride.BaseUrl"),
        ("optionsOverride.AcquireTokenOptions.Tenant=common", "optionsOverride.AcquireTokenOptions.Tenant"),
        ("optionsOverride.AcquireTokenOptions.Claims=x", "optionsOverride.AcquireTokenOptions.Claims"),
        ("optionsOverride.AcquireTokenOptions.PopPublicKey=x", "optionsOverride.AcquireTokenOptions.PopPublicKey"),
        ("optionsOverride.AcquireTokenOptions.FmiPath=x", "optionsOverride.AcquireTokenOptions.FmiPath"),
        ("optionsOverride.RelativePath=me", "optionsOverride.RelativePath"),
        ("AgentIdentity=x", "AgentIdentity"),
        ("AgentUsername=x", "AgentUsername"),
        ("optionsOverride.AcquireTokenOptions.ForceRefresh=", "optionsOverride.AcquireTokenOptions.ForceRefresh"),
        // Whoever wrote the other one would be ignored.
        (
            "optionsOverride.AcquireTokenOptions.ForceRefresh=true&optionsoverride.acquiretokenoptions.forcerefresh=false",
            "optionsoverride.acquiretokenoptions.forcerefresh",
        ),
        ("other=x", "other"),
        ("a<script>=x", "a"),
    ] {
        let answer = world.ask(get(&format!("/AuthorizationHeader/graph?{query}")));
        answer.is(400, "parameter_not_supported");
        assert_eq!(answer.json()["parameter"], name);
    }
    world.ask(get("/Validate?optionsOverride.Scopes=User.Read")).is(400, "parameter_not_supported");
}

#[test]
fn extra_headers_and_query_parameters_are_sent_except_reserved_ones() {
    let world = World::new();
    let options = "optionsOverride.RelativePath=users%3F%24top%3D5&optionsOverride.ExtraHeaderParameters.ConsistencyLevel=eventual\
                   &optionsoverride.customheader.Prefer=return%3Dminimal&optionsOverride.ExtraHeaderParameters[If-Match]=%22x%22\
                   &optionsOverride.ExtraQueryParameters.%24filter=a+eq+%27%26%27&optionsOverride.ExtraQueryParameters[%24count]=true";
    assert_eq!(world.ask(get(&format!("/DownstreamApi/graph?{options}"))).status, 200);
    let arrived = world.only();
    assert_eq!(arrived.uri, format!("{GRAPH}/v1.0/users?$top=5&%24filter=a%20eq%20%27%26%27&%24count=true"));
    for (name, value) in [("consistencylevel", "eventual"), ("prefer", "return=minimal"), ("if-match", "\"x\"")] {
        assert_eq!(arrived.header(name), value);
    }
    let count = world.arrived().len();
    for (parameter, named) in [
        ("ExtraHeaderParameters.Authorization=Bearer+x", "ExtraHeaderParameters.Authorization"),
        ("CustomHeader.authorization=Bearer+x", "CustomHeader.authorization"),
        ("ExtraHeaderParameters[Host]=evil.test", "ExtraHeaderParameters[Host]"),
        ("ExtraHeaderParameters.Transfer-Encoding=chunked", "ExtraHeaderParameters.Transfer-Encoding"),
        ("ExtraHeaderParameters.Content-Length=1", "ExtraHeaderParameters.Content-Length"),
        ("ExtraHeaderParameters.Accept=x", "ExtraHeaderParameters.Accept"),
        ("ExtraHeaderParameters.x=a%0D%0Ay:b", "ExtraHeaderParameters.x"),
        ("ExtraHeaderParameters.x%20y=a", "ExtraHeaderParameters.x"),
        ("ExtraHeaderParameters.x=a&optionsOverride.CustomHeader.X=b", "CustomHeader.X"),
        ("ExtraQueryParameters.x=a&optionsOverride.ExtraQueryParameters[x]=b", "ExtraQueryParameters[x]"),
        ("ExtraQueryParameters.x=%FF", "ExtraQueryParameters.x"),
        ("ExtraHeaderParameters.Proxy-Authenticate=x", "ExtraHeaderParameters.Proxy-Authenticate"),
        ("ExtraHeaderParameters.X-Original-URL=/x", "ExtraHeaderParameters.X-Original-URL"),
        ("CustomHeader.X-Forwarded-Host=x", "CustomHeader.X-Forwarded-Host"),
        ("CustomHeader.X_MS_CLIENT_PRINCIPAL_ID=x", "CustomHeader.X_MS_CLIENT_PRINCIPAL_ID"),
        ("CustomHeader.X-HTTP-Method-Override=DELETE", "CustomHeader.X-HTTP-Method-Override"),
        ("RelativePath=me%3F%24top%3D5&optionsOverride.ExtraQueryParameters.%24top=9", "ExtraQueryParameters.$top"),
        ("ExtraQueryParameters=a", "ExtraQueryParameters"),
        ("ExtraQueryParameters.=a", "ExtraQueryParameters."),
        ("ExtraQueryParameters[x=a", "ExtraQueryParameters[x"),
    ] {
        let answer = world.ask(get(&format!("/DownstreamApi/graph?optionsOverride.{parameter}")));
        assert_eq!(answer.json()["parameter"], format!("optionsOverride.{named}"), "{parameter}: {answer:?}");
        answer.is(400, "parameter_not_supported");
    }
    assert_eq!(world.arrived().len(), count);
    for (count, status) in [(64, 200), (65, 400)] {
        let many: String = (0..count).map(|number| format!("&optionsOverride.CustomHeader.x{number}=y")).collect();
        assert_eq!(world.ask(get(&format!("/DownstreamApi/graph?{many}"))).status, status);
    }
    // They apply only to a call, and `/AuthorizationHeader` makes none.
    let answer = world.ask(get("/AuthorizationHeader/graph?optionsOverride.ExtraHeaderParameters.x=y"));
    answer.is(400, "parameter_not_supported");
}

#[test]
fn method_accept_and_type_can_be_set_and_a_path_cannot_leave_the_api() {
    let world = World::new();
    let options =
        "optionsOverride.HttpMethod=Patch&optionsOverride.AcceptHeader=text/plain&optionsOverride.ContentType=text/x";
    let asked = Asked::new(Method::POST, &format!("/DownstreamApi/graph?{options}")).within_app().bearer(&token());
    assert_eq!(world.ask(asked.content(Content::of("x"))).status, 200);
    let arrived = world.only();
    assert_eq!((arrived.method.clone(), arrived.uri.clone()), (Method::PATCH, format!("{GRAPH}/v1.0")));
    assert_eq!((arrived.header("content-type"), arrived.header("accept")), ("text/x", "text/plain"));
    for path in [
        "../beta/me",
        "me/%252e%252e/x",
        "%2F%2Fevil.test/x",
        "me%23x",
        "me%5Cx",
        "a%2F%2Fb",
        "%40evil.test",
        "me%0Ax",
        "me%09x",
        "me%3Fx%0D%0Ay",
        "me%FF",
        "me&optionsOverride.RelativePath=users",
    ] {
        let answer = world.ask(get(&format!("/DownstreamApi/graph?optionsOverride.RelativePath={path}")));
        let is_below = world.arrived().last().unwrap().uri.starts_with(&format!("{GRAPH}/v1.0"));
        assert!(answer.status == 400 || path == "%40evil.test" && is_below, "{path}: {answer:?}");
    }
    for method in ["CONNECT", "TRACE", "x", "GET&optionsOverride.HttpMethod=DELETE"] {
        let answer = world.ask(get(&format!("/DownstreamApi/graph?optionsOverride.HttpMethod={method}")));
        answer.is(400, "parameter_not_supported");
    }
}

/// Microsoft's sidecar encodes what an address cannot have, and clients rely on it: OData's filters have spaces.
#[test]
fn a_path_may_be_written_as_people_write_it() {
    let world = World::new();
    for (path, expected) in [
        ("", ""),
        ("/", "/"),
        ("me", "/me"),
        ("users?$filter=surname eq 'Marsh'&$top=5", "/users?$filter=surname%20eq%20'Marsh'&$top=5"),
        ("me/messages?$search=\"pizza\"", "/me/messages?$search=%22pizza%22"),
        (
            "me/drive/root:/Jörg's {new} <a|b>.txt:/content",
            "/me/drive/root:/J%C3%B6rg's%20%7Bnew%7D%20%3Ca%7Cb%3E.txt:/content",
        ),
        // What is encoded already stays as it is.
        ("me/a%20b?c=%2F%22", "/me/a%20b?c=%2F%22"),
    ] {
        let value: String = form_urlencoded::byte_serialize(path.as_bytes()).collect();
        let answer = world.ask(get(&format!("/DownstreamApi/graph?optionsOverride.RelativePath={value}")));
        assert_eq!(answer.status, 200, "{path}: {answer:?}");
        assert_eq!(world.arrived().pop().unwrap().uri, format!("{GRAPH}/v1.0{expected}"));
    }
}
