//! Why the administration refuses a request.

use std::borrow::Cow;

use http::{Response, StatusCode};
use serde_json::json;

use crate::wire::{self, ResponseBody};

/// A refusal, with what to send instead.
pub(super) struct AdminError {
    status: StatusCode,
    message: Cow<'static, str>,
}

impl AdminError {
    pub(super) fn invalid(message: impl Into<Cow<'static, str>>) -> Self {
        Self { status: StatusCode::BAD_REQUEST, message: message.into() }
    }

    pub(super) fn forbidden(message: impl Into<Cow<'static, str>>) -> Self {
        Self { status: StatusCode::FORBIDDEN, message: message.into() }
    }

    pub(super) fn not_found(message: impl Into<Cow<'static, str>>) -> Self {
        Self { status: StatusCode::NOT_FOUND, message: message.into() }
    }

    pub(super) fn internal(message: impl Into<Cow<'static, str>>) -> Self {
        Self { status: StatusCode::INTERNAL_SERVER_ERROR, message: message.into() }
    }

    pub(super) fn response(&self) -> Response<ResponseBody> {
        wire::json_response(self.status, &json!({"error": self.message}))
    }
}
