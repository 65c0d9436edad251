use serde_json::{Value, json};

use crate::client::{exchange_for, get, get_with_token, graph_token, me, person, start, token};

#[tokio::test]
async fn me_is_the_default_profile() {
    let tenant = start().await;
    let ada = person(&tenant, "ada");
    let response = me(&tenant, &graph_token(&exchange_for(&tenant, "ada").await)).await;
    assert_eq!(response.status, 200);
    assert_eq!(response.header("odata-version"), Some("4.0"));
    assert!(response.header("content-type").unwrap().starts_with("application/json;odata.metadata=minimal;"));
    assert!(response.header("request-id").is_some() && response.header("x-ms-ags-diagnostic").is_some());
    let expected = json!({
        "@odata.context": format!("{}/v1.0/$metadata#users/$entity", tenant.graph_url()),
        "businessPhones": ["+1 555 0100"],
        "displayName": "Ada Marsh",
        "givenName": "Ada",
        "id": ada.object_id,
        "jobTitle": "Analyst",
        "mail": "ada@emulated-tenant.example",
        "mobilePhone": "+1 555 0101",
        "officeLocation": "4/1024",
        "preferredLanguage": "en-GB",
        "surname": "Marsh",
        "userPrincipalName": "ada@emulated-tenant.example",
    });
    assert_eq!(response.json(), expected);
}

#[tokio::test]
async fn nulls_and_other_alphabets_are_kept() {
    let tenant = start().await;
    let zoe = me(&tenant, &graph_token(&exchange_for(&tenant, "zoe").await)).await.json();
    assert_eq!(zoe["displayName"], "Zoë Łukasiewicz-山田");
    assert_eq!(zoe.get("mail"), Some(&Value::Null));
    assert_eq!(zoe["businessPhones"], json!([]));
}

#[tokio::test]
async fn select_chooses_properties() {
    let tenant = start().await;
    let token = graph_token(&exchange_for(&tenant, "ada").await);
    let select = async |query: &str| get_with_token(&format!("{}/v1.0/me?{query}", tenant.graph_url()), &token).await;

    let response = select("$select=displayName,%20department,displayname").await.json();
    let context = format!("{}/v1.0/$metadata#users(displayName,department)/$entity", tenant.graph_url());
    assert_eq!(response, json!({"@odata.context": context, "displayName": "Ada Marsh", "department": "Research"}));
    assert_eq!(select("%24select=state").await.json()["state"], Value::Null);

    let context = format!("{}/v1.0/$metadata#users(nonsense)/$entity", tenant.graph_url());
    assert_eq!(select("$select=nonsense").await.json(), json!({"@odata.context": context}));
    for query in ["$select=", "$select=id&$select=mail", "$expand=manager"] {
        println!("{query}");
        select(query).await.expect_error(400, "BadRequest");
    }
    assert_eq!(select("other=1").await.status, 200);
}

#[tokio::test]
async fn tokens_that_are_not_for_graph_are_refused() {
    let tenant = start().await;
    let valid = graph_token(&exchange_for(&tenant, "ada").await);
    let (start, rest) = valid.split_at(valid.len() - 10);
    let other = if rest.starts_with('A') { 'B' } else { 'A' };
    let tampered = format!("{start}{other}{}", &rest[1..]);
    for bad in ["", "x", &token(&tenant, "ada", |_| ()), &token(&tenant, "ada", |plan| plan.expire()), &tampered] {
        let response = me(&tenant, bad).await;
        let body = response.expect_error(401, "InvalidAuthenticationToken");
        assert!(body["error"]["innerError"]["request-id"].is_string());
        let parameters = "realm=\"\", authorization_uri=\"https://login.microsoftonline.com/common/oauth2/authorize\", \
                          client_id=\"00000003-0000-0000-c000-000000000000\"";
        let expected = format!("Bearer {parameters}, PoP {parameters}, nonce=\"");
        let nonce = response.header("www-authenticate").unwrap().strip_prefix(&expected).unwrap();
        assert!(nonce.len() > 400 && nonce.ends_with('"'), "{nonce}");
        assert_eq!(response.header("cache-control"), None);
    }
    get(&format!("{}/v1.0/me", tenant.graph_url()), &[]).await.expect_error(401, "InvalidAuthenticationToken");
}

#[tokio::test]
async fn tokens_can_be_revoked() {
    let tenant = start().await;
    let ada = person(&tenant, "ada");
    let before = graph_token(&exchange_for(&tenant, "ada").await);
    let pia = graph_token(&exchange_for(&tenant, "pia").await);
    tenant.revoke_graph_tokens(ada);
    let after = tenant.graph_token(ada);
    assert_eq!(me(&tenant, &before).await.status, 401);
    assert_eq!(me(&tenant, &after).await.status, 200);
    assert_eq!(me(&tenant, &pia).await.status, 200);
}

#[tokio::test]
async fn the_clients_request_id_comes_back() {
    let tenant = start().await;
    let token = format!("Bearer {}", graph_token(&exchange_for(&tenant, "ada").await));
    let own = "01234567-89ab-cdef-0123-456789abcdef";
    let url = format!("{}/v1.0/me", tenant.graph_url());
    let response = get(&url, &[("authorization", &token), ("client-request-id", own)]).await;
    assert_eq!(response.header("client-request-id"), Some(own));
    let refused = get(&url, &[("client-request-id", own)]).await;
    assert_eq!(refused.json()["error"]["innerError"]["client-request-id"], own);
    assert_eq!(refused.json()["error"]["innerError"]["request-id"], refused.header("request-id").unwrap());
}

#[tokio::test]
async fn photos_are_small_jpegs_or_not_there() {
    let tenant = start().await;
    let url = format!("{}/v1.0/me/photo/$value", tenant.graph_url());
    let ada = get_with_token(&url, &graph_token(&exchange_for(&tenant, "ada").await)).await;
    assert_eq!((ada.status.as_u16(), ada.header("content-type")), (200, Some("image/jpeg")));
    assert_eq!((ada.header("content-length"), ada.header("cache-control")), (None, Some("private")));
    assert!(ada.body.starts_with(&[0xFF, 0xD8, 0xFF]) && ada.body.ends_with(&[0xFF, 0xD9]));
    assert!(ada.header("etag").unwrap().starts_with('"'));
    let mona = person(&tenant, "mona");
    let other = get_with_token(&url, &tenant.graph_token(mona)).await;
    assert_ne!(other.body, ada.body);
    let pia = get_with_token(&url, &graph_token(&exchange_for(&tenant, "pia").await)).await;
    pia.expect_error(404, "ImageNotFound");
}

#[tokio::test]
async fn other_paths_are_refused() {
    let tenant = start().await;
    let token = graph_token(&exchange_for(&tenant, "ada").await);
    let response = get_with_token(&format!("{}/v1.0/users", tenant.graph_url()), &token).await;
    response.expect_error(400, "BadRequest");
}
