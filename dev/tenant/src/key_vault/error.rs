//! Key Vault's error answers.

use http::{Response, StatusCode, header};
use serde_json::json;

use crate::{
    directory::Directory,
    jwt::object,
    wire::{self, ResponseBody},
};

/// Why a request is refused.
pub(super) struct VaultError {
    status: StatusCode,
    code: &'static str,
    message: String,
    inner_code: Option<&'static str>,
}

impl VaultError {
    pub(super) fn new(status: StatusCode, code: &'static str, message: impl Into<String>) -> Self {
        Self { status, code, message: message.into(), inner_code: None }
    }

    pub(super) fn unauthorized(message: &str) -> Self {
        Self::new(StatusCode::UNAUTHORIZED, "Unauthorized", message)
    }

    pub(super) fn bad_parameter(message: &str) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "BadParameter", message)
    }

    pub(super) fn not_found(name: &str, version: &str) -> Self {
        let name = if version.is_empty() { name.to_owned() } else { format!("{name}/{version}") };
        Self::new(StatusCode::NOT_FOUND, "SecretNotFound", format!("There is no secret {name} in this key vault."))
    }

    pub(super) fn disabled() -> Self {
        let message = "A disabled secret cannot be read.";
        Self { inner_code: Some("SecretDisabled"), ..Self::new(StatusCode::FORBIDDEN, "Forbidden", message) }
    }

    /// 409: a deleted secret has the name.
    pub(super) fn deleted(name: &str) -> Self {
        let message = format!("The secret {name} is deleted, but can be recovered: recover or purge it first.");
        let inner_code = Some("ObjectIsDeletedButRecoverable");
        Self { inner_code, ..Self::new(StatusCode::CONFLICT, "Conflict", message) }
    }

    pub(super) fn forbidden(client_id: &str) -> Self {
        let message =
            format!("The caller with the client id '{client_id}' may not do this with secrets of this vault.");
        Self { inner_code: Some("ForbiddenByRbac"), ..Self::new(StatusCode::FORBIDDEN, "Forbidden", message) }
    }

    pub(super) fn into_response(self, directory: &Directory) -> Response<ResponseBody> {
        let mut error = object(json!({"code": self.code, "message": self.message}));
        if let Some(code) = self.inner_code {
            error.insert("innererror".into(), json!({"code": code}));
        }
        let mut response = wire::json_response(self.status, &json!({"error": error}));
        if self.status == StatusCode::UNAUTHORIZED {
            let challenge = format!(
                "Bearer authorization=\"https://login.windows.net/{}\", resource=\"https://vault.azure.net\"",
                directory.tenant_id
            );
            wire::set_header(&mut response, header::WWW_AUTHENTICATE, &challenge);
        }
        response
    }
}
