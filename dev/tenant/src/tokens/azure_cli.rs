//! Tokens that the Azure CLI gets for a person who ran `az login`.

use serde_json::json;

use super::{app_token, graph_token, plan::LIFETIME};
use crate::{
    directory::{
        Directory,
        person::Person,
        well_known::{KEY_VAULT, v1_issuer},
    },
    jwt::object,
    random, time,
};

/// The Azure CLI's permissions for Graph, those of them that are emulated.
const GRAPH_SCOPES: &str = "Application.ReadWrite.All DelegatedPermissionGrant.ReadWrite.All \
    Directory.AccessAsUser.All User.Read.All User.Read email openid profile";

/// A program, as a shell script, that answers as `az` does after this person's `az login`: what `cargo dev register` and
/// the documents of this repository ask it.
pub(crate) fn program(directory: &Directory, person: &Person) -> String {
    let cloud = json!({
        "name": "AzureCloud",
        "endpoints": {
            "activeDirectory": directory.urls.authority,
            "microsoftGraphResourceId": format!("{}/", directory.urls.graph),
        },
        "suffixes": {"keyvaultDns": ".vault.azure.net"},
    });
    let values = [
        ("directory", directory.tenant_id.as_str()),
        ("user", &person.user_principal_name),
        ("person", &person.name),
        ("client", &directory.azure_cli.client_id),
        ("authority", &directory.urls.authority),
        ("graph", &directory.urls.graph),
        ("cloud", &cloud.to_string()),
        ("graph_token", &sign_for_graph(directory, person)),
        ("vault_token", &sign_for_vault(directory, person)),
    ];
    let values = values.map(|(name, value)| format!("{name}='{value}'\n"));
    format!("#!/bin/sh\n{}{}", values.concat(), include_str!("azure_cli.sh"))
}

/// `az account get-access-token --resource-type ms-graph`
pub(crate) fn sign_for_graph(directory: &Directory, person: &Person) -> String {
    let serial = directory.sessions.issue();
    let claims = graph_token::claims(&directory.azure_cli, person, GRAPH_SCOPES, LIFETIME, serial);
    graph_token::sign(directory, &claims)
}

/// `az account get-access-token --resource https://vault.azure.net`
pub(crate) fn sign_for_vault(directory: &Directory, person: &Person) -> String {
    let now = time::now();
    let claims = object(json!({
        "aud": KEY_VAULT,
        "iss": v1_issuer(&person.tenant_id),
        "iat": now - 300,
        "nbf": now - 300,
        "exp": now + LIFETIME,
        "appid": directory.azure_cli.client_id,
        "appidacr": "0",
        "idtyp": "user",
        "oid": person.object_id,
        "scp": "user_impersonation",
        "sub": random::token_id(),
        "tid": person.tenant_id,
        "upn": person.user_principal_name,
        "uti": random::token_id(),
        "ver": "1.0",
    }));
    app_token::sign(directory, &claims)
}
