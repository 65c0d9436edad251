//! Signing out.

use http::Method;

use crate::scripted_host::{TENANT, World};

#[test]
fn the_session_ends_here_and_at_entra() {
    let world = World::new();
    world.token_bytes.set(5000);
    world.sign_in();
    let answered = world.request(Method::POST, "/sign-out", &[("sec-fetch-site", "same-origin")]);
    assert_eq!(answered.status, 303);
    assert_eq!(
        answered.header("location"),
        format!(
            "https://login.example/{TENANT}/oauth2/v2.0/logout?\
             post_logout_redirect_uri=https%3A%2F%2Fapp.example%2Fsigned-out&logout_hint=opaque-hint"
        )
    );
    assert_eq!(world.cookie_names(), ["__Host-profile-signed-out"]);
    world.get("/signed-out").shows("<h1>You are signed out").hides("Sign out</button>");
    world.get("/").shows("Sign in with Microsoft");
}

#[test]
fn another_site_cannot_sign_people_out() {
    let world = World::new();
    world.sign_in();
    for headers in [&[("sec-fetch-site", "cross-site")][..], &[("origin", "https://evil.example")], &[]] {
        world.request(Method::POST, "/sign-out", headers).is(403, "cross_site_sign_out");
    }
    world.get("/sign-out").is(405, "method_not_allowed");
    world.get("/").shows("Ada Marsh");
}

#[test]
fn without_a_session_entra_is_not_involved() {
    let answered = World::new().request(Method::POST, "/sign-out", &[("origin", "https://app.example")]);
    assert_eq!((answered.status, answered.header("location")), (303, "/signed-out"));
}

#[test]
fn the_page_after_signing_out_claims_only_what_happened() {
    let (ended, still_in, nobody) =
        ("<h1>You are signed out", "<h1>You are still signed in", "<h1>You are not signed in");
    let world = World::new();
    world.get("/signed-out").shows(nobody).hides(ended);
    world.sign_in().get("/signed-out").shows(still_in).shows("Signed in as</span> Ada Marsh").hides(ended);
    let sign_out = || world.request(Method::POST, "/sign-out", &[("sec-fetch-site", "same-origin")]);
    sign_out();
    world.get("/signed-out").shows(ended).hides("Entra ended");
    // It says so once.
    world.get("/signed-out").shows(nobody).hides(ended);
    world.sign_in();
    sign_out();
    world.sign_in().get("/signed-out").shows(still_in).hides(ended);
    // Only this app can set the cookie.
    let world = World::new();
    world.sign_in();
    world.request(Method::POST, "/sign-out", &[("sec-fetch-site", "same-origin")]);
    world.change_cookie("__Host-profile-signed-out", |value| value.insert(3, 'A'));
    world.get("/signed-out").shows(nobody);
    // An expired token does not count as signed in.
    world.sign_in().pass(3600);
    world.get("/signed-out").shows(nobody).hides("Signed in as");
}
