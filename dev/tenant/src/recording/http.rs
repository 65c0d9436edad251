//! Requests to the services, and their responses.

use std::fmt;

use crate::endpoint::Service;

/// A request to one of the services.
#[derive(Clone)]
pub struct ScenarioRequest {
    /// Whom it is for.
    pub service: Service,
    /// The address.
    pub url: String,
    /// Names in lower case, with values.
    pub headers: Vec<(&'static str, String)>,
    /// The fields of a form, which is sent by POST; `None` for GET.
    pub form: Option<Vec<(&'static str, String)>>,
}

/// A response as received.
#[derive(Clone, PartialEq, Eq)]
pub struct ScenarioResponse {
    /// The status code.
    pub status: u16,
    /// Names in any letter case, with values, in order.
    pub headers: Vec<(String, String)>,
    /// The bytes of the body.
    pub body: Vec<u8>,
}

/// The service and the path only: the rest may be a secret.
impl fmt::Debug for ScenarioRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Request").field("service", &self.service).finish_non_exhaustive()
    }
}

/// The status only: the rest may be a secret.
impl fmt::Debug for ScenarioResponse {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Answer").field("status", &self.status).finish_non_exhaustive()
    }
}
