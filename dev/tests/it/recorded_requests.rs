//! The recorded scenarios send the same requests as the component.

use std::collections::{BTreeMap, BTreeSet};

use emulated_tenant::{
    Endpoint, LoggedRequest,
    recording::{SCENARIOS, ScenarioRequest, ScenarioResponse, TargetTenant},
};
use reqwest::{Client, Method};

use crate::harness::Harness;

/// Headers that the HTTP client adds.
const OF_THE_CONNECTION: [&str; 5] = ["connection", "content-length", "host", "transfer-encoding", "user-agent"];

#[tokio::test(flavor = "multi_thread")]
async fn scenarios_send_what_the_component_sends() {
    let harness = Harness::in_clear().await;
    let token = harness.token("ada");
    for path in ["/api/profile-get", "/api/profile-get/photo"] {
        assert_eq!(harness.send(harness.request(Method::GET, path).bearer_auth(&token)).await.status, 200);
    }
    let of_component = shapes(&harness);
    harness.forget();
    let target = TargetTenant::emulated(&harness.api.tenant).unwrap();
    for name in ["metadata-tenant-v2", "keys-tenant-v2", "exchange-cp1", "graph-me", "graph-photo"] {
        let scenario = SCENARIOS.iter().find(|scenario| scenario.name == name).unwrap();
        scenario.run(&target, &send, &async |_: &str| Ok(())).await.unwrap();
    }
    let of_scenarios = shapes(&harness);
    assert_eq!(of_scenarios.len(), 5, "{of_scenarios:#?}");
    for (endpoint, shape) in of_scenarios {
        assert_eq!(Some(&shape), of_component.get(&endpoint), "{endpoint}");
    }
}

/// The shape of a request: the names of headers and fields, and the values that are the same for everyone.
type Shape = (String, BTreeSet<String>, BTreeSet<String>);

/// By endpoint, without those of the vault, which the host calls.
fn shapes(harness: &Harness) -> BTreeMap<String, Shape> {
    let requests = harness.api.tenant.requests();
    let own = requests.iter().filter(|request| {
        !matches!(request.endpoint, Endpoint::ClientCredentials | Endpoint::VaultSecret | Endpoint::Unknown)
    });
    own.map(|request| (format!("{:?}", request.endpoint), shape(request))).collect()
}

fn shape(request: &LoggedRequest) -> Shape {
    let headers = request.headers.iter().filter(|(name, _)| !OF_THE_CONNECTION.contains(&name.as_str()));
    let headers = headers.map(|(name, value)| match name.as_str() {
        "accept" | "accept-encoding" | "content-type" | "return-client-request-id" | "x-anchormailbox" => {
            format!("{name}: {value}")
        }
        _ => name.clone(),
    });
    let fields = request.form.iter().map(|(name, value)| match name.as_str() {
        "assertion" | "client_secret" => name.clone(),
        _ => format!("{name}={value}"),
    });
    (format!("{} {}", request.method, request.path_and_query), headers.collect(), fields.collect())
}

async fn send(request: ScenarioRequest) -> anyhow::Result<ScenarioResponse> {
    let client = Client::builder().no_proxy().build()?;
    let mut sent = match &request.form {
        None => client.get(&request.url),
        Some(form) => client
            .post(&request.url)
            .body(url::form_urlencoded::Serializer::new(String::new()).extend_pairs(form).finish()),
    };
    for (name, value) in request.headers {
        sent = sent.header(name, value);
    }
    let response = sent.send().await?;
    Ok(ScenarioResponse {
        status: response.status().as_u16(),
        headers: Vec::new(),
        body: response.bytes().await?.to_vec(),
    })
}
