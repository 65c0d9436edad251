//! Why there is no profile.

use axum::{
    http::{StatusCode, header},
    response::{IntoResponse, Response},
};
use serde_json::json;

#[derive(Debug)]
pub(crate) enum Failure {
    NoToken,
    InvalidToken(jsonwebtoken::errors::Error),
    UnknownKey,
    /// The token is of another directory, or lacks the scope.
    NotAllowed,
    /// Entra refused the exchange.
    Refused,
    Upstream(reqwest::Error),
}

impl From<reqwest::Error> for Failure {
    fn from(error: reqwest::Error) -> Self {
        Self::Upstream(error)
    }
}

impl IntoResponse for Failure {
    fn into_response(self) -> Response {
        match &self {
            Self::InvalidToken(error) => eprintln!("{error}"),
            Self::Upstream(error) => eprintln!("{error}"),
            other => eprintln!("{other:?}"),
        }
        let (status, detail) = match self {
            Self::NoToken => (StatusCode::UNAUTHORIZED, "There is no bearer token."),
            Self::InvalidToken(_) | Self::UnknownKey => (StatusCode::UNAUTHORIZED, "The token is not valid."),
            Self::NotAllowed => (StatusCode::FORBIDDEN, "The token is of another directory, or lacks the scope."),
            Self::Refused => (StatusCode::FORBIDDEN, "Entra refused the exchange."),
            Self::Upstream(_) => (StatusCode::BAD_GATEWAY, "Entra or Graph does not answer."),
        };
        let body = json!({"status": status.as_u16(), "detail": detail}).to_string();
        (status, [(header::CONTENT_TYPE, "application/problem+json")], body).into_response()
    }
}
