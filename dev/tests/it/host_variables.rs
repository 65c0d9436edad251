//! Variables that are wrong.

use emulated_tenant::{Endpoint, Service};

use crate::harness::Harness;

#[tokio::test(flavor = "multi_thread")]
async fn every_wrong_variable_is_named_in_the_log_and_none_to_the_caller() {
    let harness =
        Harness::with_variables(&[("client_id", " x"), ("required_scope", ""), ("allowed_origins", "*")]).await;
    let answer = harness.get_as("ada").await;
    answer.is(500, "server_misconfigured");
    let cause = harness.request_lines(1).await.remove(0)["cause"].as_str().unwrap().to_owned();
    for name in ["client_id", "required_scope", "allowed_origins"] {
        assert!(cause.contains(name), "{cause}");
        assert!(!String::from_utf8_lossy(&answer.body).contains(name), "{answer:?}");
    }
    // The vault may be asked, to name a wrong secret with the rest; nobody else is.
    assert_eq!((harness.count(Endpoint::OpenIdConfiguration), harness.asked(Service::Graph).len()), (0, 0));
}
