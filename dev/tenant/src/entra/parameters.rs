//! The parameters of a request, in its form body or its query.

use super::error::EntraError;
use crate::{claims_request::ClaimsRequest, wire::IncomingRequest};

/// Parameters, each at most once (RFC 6749 sections 3.1 and 3.2).
#[derive(Default)]
pub(super) struct Parameters(Vec<(String, String)>);

impl Parameters {
    /// Reads the body. A body of another type has no parameters, so that the first required one is missing.
    pub(super) fn of_form(incoming: &IncomingRequest) -> Result<Self, EntraError> {
        Self::of(incoming.form().unwrap_or_default())
    }

    pub(super) fn of_query(incoming: &IncomingRequest) -> Result<Self, EntraError> {
        Self::of(incoming.query())
    }

    fn of(mut pairs: Vec<(String, String)>) -> Result<Self, EntraError> {
        pairs.sort();
        match pairs.windows(2).find(|pair| matches!(pair, [one, other] if one.0 == other.0)) {
            Some([(name, _), ..]) => Err(EntraError::new(
                "invalid_request",
                9_000_411,
                format!("The parameter '{name}' occurs more than once."),
            )),
            _ => Ok(Self(pairs)),
        }
    }

    /// A parameter; an empty one counts as absent (RFC 6749 section 3.2).
    pub(super) fn optional(&self, name: &str) -> Option<&str> {
        let pair = self.0.iter().find(|pair| pair.0 == name)?;
        Some(pair.1.as_str()).filter(|value| !value.is_empty())
    }

    pub(super) fn required(&self, name: &str) -> Result<&str, EntraError> {
        self.optional(name).ok_or_else(|| EntraError::missing_parameter(name))
    }

    /// The parameter `claims` (OpenID Connect Core 1.0, section 5.5).
    pub(super) fn claims(&self) -> Result<ClaimsRequest, EntraError> {
        match self.optional("claims") {
            None => Ok(ClaimsRequest::default()),
            Some(text) => ClaimsRequest::parse(text).ok_or_else(|| {
                EntraError::new("invalid_request", 90023, "The parameter 'claims' is not a claims request in JSON.")
            }),
        }
    }

    /// The parameters as a query, but for those called `left_out`.
    pub(super) fn to_query_without(&self, left_out: &[&str]) -> String {
        let kept = self.0.iter().filter(|pair| !left_out.contains(&pair.0.as_str()));
        form_urlencoded::Serializer::new(String::new()).extend_pairs(kept).finish()
    }
}
