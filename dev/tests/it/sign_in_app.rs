//! The sign-in app without a browser: a client that keeps cookies that a browser would delete.

use std::collections::BTreeSet;

use emulated_tenant::Endpoint;
use futures::future::join_all;
use profile_get_dev::run::{Api, ApiOptions, InstanceReuse, Runner, SignInApp, SignInAppOptions};
use reqwest::{Client, Response, Url, header, redirect::Policy};

#[tokio::test(flavor = "multi_thread")]
async fn a_kept_cookie_is_worth_one_call_to_the_token_endpoint() {
    // Each request has an instance of its own, with empty caches.
    let reuse = InstanceReuse { max_requests: 1, max_concurrent: 1, ..InstanceReuse::default() };
    let runner = Runner::from_environment().unwrap();
    let api = Api::start(ApiOptions { runner, ..ApiOptions::default() }).await.unwrap();
    let app = SignInApp::start(&api, SignInAppOptions { runner, reuse, ..SignInAppOptions::default() }).await.unwrap();
    let client = Client::builder().no_proxy().redirect(Policy::none()).build().unwrap();
    let get = async |target: &str, cookie: &str| {
        client.get(format!("{}{target}", app.url())).header(header::COOKIE, cookie).send().await.unwrap()
    };

    let (mut states, mut cookies) = (Vec::new(), Vec::new());
    for _ in 0..3 {
        let begun = get("/sign-in", "").await;
        states.push(state(&begun));
        cookies.push(set_cookies(&begun).remove(0));
    }
    assert_eq!(cookies.iter().map(|cookie| cookie.split('=').next()).collect::<BTreeSet<_>>().len(), 3, "{cookies:?}");
    let kept = cookies.join("; ");
    let calls = || api.tenant.requests().iter().filter(|request| request.endpoint == Endpoint::Token).count();

    // One after the other, as from two tabs of a browser, then all at once.
    for (used, state) in states[..2].iter().enumerate() {
        for attempt in 0..10 {
            let answer = get(&format!("/signin-callback?code=invented-{attempt}&state={state}"), &kept).await;
            assert_eq!(answer.status(), 400);
            assert!(set_cookies(&answer).iter().any(|cookie| cookie.ends_with('=')), "the cookie stays");
        }
        assert_eq!(calls(), used + 1);
    }
    let targets: Vec<String> =
        (0..20).map(|attempt| format!("/signin-callback?code=invented-{attempt}&state={}", states[2])).collect();
    let answers = join_all(targets.iter().map(|target| get(target, &kept))).await;
    assert!(answers.iter().all(|answer| answer.status() == 400));
    assert!((2..=3).contains(&calls()), "{} calls", calls());
}

/// The state with which the person was sent to Entra.
fn state(answer: &Response) -> String {
    let location = Url::parse(answer.headers()[header::LOCATION].to_str().unwrap()).unwrap();
    location.query_pairs().find(|(name, _)| name == "state").unwrap().1.into_owned()
}

/// `name=value` of the cookies that an answer sets.
fn set_cookies(answer: &Response) -> Vec<String> {
    let lines = answer.headers().get_all(header::SET_COOKIE).iter();
    lines.map(|line| line.to_str().unwrap().split(';').next().unwrap().to_owned()).collect()
}
