//! An app registration as Graph shows it.

use serde_json::{Value, json};

use crate::{
    directory::{
        Directory,
        app_registration::AppRegistration,
        credentials::{ClientSecret, KeyCredential},
    },
    jwt::{Object, object},
    time,
};

pub(super) fn to_json(directory: &Directory, application: &AppRegistration) -> Object {
    let mut json = object(serde_json::to_value(&*application.manifest()).unwrap_or_default());
    let secrets = application.secrets();
    let certificates = application.certificates();
    json.extend(object(json!({
        "id": application.object_id,
        "appId": application.client_id,
        "createdDateTime": time::iso_date(application.created),
        "deletedDateTime": null,
        "publisherDomain": directory.domain,
        "passwordCredentials": secrets.iter().map(secret).collect::<Vec<_>>(),
        "keyCredentials": certificates.iter().map(certificate).collect::<Vec<_>>(),
    })));
    json
}

/// A secret, without its text.
pub(super) fn secret(secret: &ClientSecret) -> Value {
    json!({
        "customKeyIdentifier": null,
        "displayName": secret.display_name,
        "endDateTime": time::iso_date(secret.expires),
        "hint": secret.value.get(..3),
        "keyId": secret.key_id,
        "secretText": null,
        "startDateTime": time::iso_date(secret.starts),
    })
}

fn certificate(credential: &KeyCredential) -> Value {
    json!({
        "customKeyIdentifier": credential.certificate.thumbprint(),
        "displayName": credential.display_name,
        "endDateTime": time::iso_date(credential.certificate.expires),
        "key": null,
        "keyId": credential.key_id,
        "startDateTime": time::iso_date(credential.certificate.starts),
        "type": "AsymmetricX509Cert",
        "usage": "Verify",
    })
}
