//! Any input is answered.

use proptest::prelude::*;

use crate::{
    caller_tokens::token,
    scripted_host::{Reply, World},
};

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn any_authorization_header_is_answered(value in "[ -~]{0,200}") {
        let answer = World::new().ask("/api/profile-get", &[("authorization", &value)]);
        prop_assert!((400..500).contains(&answer.status));
    }

    #[test]
    fn any_target_is_answered(target in "/[ -~]{0,60}") {
        let answer = World::new().ask(&target, &[]);
        prop_assert!((400..500).contains(&answer.status));
    }

    #[test]
    fn any_answer_of_an_upstream_is_answered(
        endpoint in prop::sample::select(vec!["metadata", "keys", "token", "me"]),
        status in 200_u16..600,
        body in prop::collection::vec(any::<u8>(), 0..200),
        retry_after in "[ -~]{0,20}",
        challenge in "(Bearer )?[ -~]{0,80}",
    ) {
        let world = World::new();
        let reply = || {
            Reply::new(status, body.clone()).header("retry-after", &retry_after).header("www-authenticate", &challenge)
        };
        world.next(endpoint, [reply(), reply()]);
        let answer = world.get(&token());
        prop_assert!(answer.status == 200 || (400..600).contains(&answer.status) || endpoint == "me");
        prop_assert!(answer.headers.contains_key("request-id"));
        let log = world.script.log.borrow();
        prop_assert!(log.iter().any(|line| line.contains("\"event\":\"request\"")));
    }
}
