//! Pages of other origins (CORS).

use http::Method;

use crate::{caller_tokens::token, scripted_host::World};

const PAGE: &str = "https://app.example";

fn preflight(world: &World, origin: &str) -> crate::answered::Answered {
    let headers = [
        ("origin", origin),
        ("access-control-request-method", "GET"),
        ("access-control-request-headers", "authorization"),
    ];
    world.request(Method::OPTIONS, "/api/profile-get", &headers)
}

#[test]
fn a_listed_origin_may_call_and_its_preflight_request_needs_no_token() {
    let world = World::new();
    world.set("allowed_origins", "https://app.example http://localhost:3000");
    let answer = preflight(&world, PAGE);
    assert_eq!(answer.status, 204);
    assert_eq!(answer.header("access-control-allow-origin"), PAGE);
    assert_eq!(answer.header("access-control-allow-methods"), "GET, HEAD");
    let headers = answer.header("access-control-allow-headers").to_ascii_lowercase();
    let allowed: Vec<&str> = headers.split(", ").collect();
    // The wildcard does not include `Authorization`.
    for name in ["authorization", "content-type", "request-id", "request-context", "traceparent", "if-none-match", "*"]
    {
        assert!(allowed.contains(&name), "{name} in {headers}");
    }
    assert_eq!(answer.header("access-control-allow-credentials"), "");
    assert_eq!(world.script.requests.borrow().len(), 0);

    let bearer = format!("Bearer {}", token());
    for (authorization, status) in [(bearer.as_str(), 200), ("Bearer x", 401)] {
        let answer = world.ask("/api/profile-get", &[("origin", PAGE), ("authorization", authorization)]);
        assert_eq!(answer.status, status);
        assert_eq!((answer.header("access-control-allow-origin"), answer.header("vary")), (PAGE, "Origin"));
        for exposed in ["WWW-Authenticate", "request-id", "Retry-After"] {
            assert!(answer.header("access-control-expose-headers").contains(exposed), "{exposed}");
        }
    }
}

#[test]
fn other_origins_may_not_call() {
    let world = World::new();
    world.set("allowed_origins", PAGE);
    for origin in ["https://app.example.evil", "http://app.example", "null", "https://app.example:444", "*"] {
        let answer = preflight(&world, origin);
        answer.is(403, "origin_not_allowed");
        assert_eq!((answer.header("access-control-allow-origin"), answer.header("vary")), ("", "Origin"), "{origin}");
        let bearer = format!("Bearer {}", token());
        let answer = world.ask("/api/profile-get", &[("origin", origin), ("authorization", &bearer)]);
        assert_eq!(answer.header("access-control-allow-origin"), "", "{origin}");
    }
}

#[test]
fn without_a_list_there_is_no_cors() {
    let world = World::new();
    let answer = preflight(&world, PAGE);
    answer.is(405, "method_not_allowed");
    assert_eq!((answer.header("access-control-allow-origin"), answer.header("vary")), ("", ""));
}
