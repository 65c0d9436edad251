//! The operator's log: one JSON line for each request.
//!
//! It never holds a token, a secret or a code, no claims except ids, and no text that a browser or an upstream chose, except
//! ids and codes of checked form.

use std::{cell::RefCell, time::Duration};

use http::StatusCode;
use uuid::Uuid;

use entra_obo::{
    event_log::{Line, level, milliseconds},
    host::Host,
};

use crate::{api::call::ApiFault, failure::Failure};

/// What becomes known about a request while it is served.
#[derive(Debug, Default)]
pub(crate) struct RequestNotes(RefCell<Notes>);

#[derive(Debug, Default)]
struct Notes {
    tenant_id: Option<Uuid>,
    object_id: Option<Uuid>,
    entra: Option<Duration>,
    api: Option<Duration>,
    api_status: Option<u16>,
    api_code: Option<String>,
    api_request_id: Option<String>,
}

impl RequestNotes {
    /// Notes who is signed in.
    pub(crate) fn person(&self, tenant_id: Uuid, object_id: Option<Uuid>) {
        let mut notes = self.0.borrow_mut();
        notes.tenant_id = Some(tenant_id);
        notes.object_id = object_id;
    }

    /// Notes how long Entra took.
    pub(crate) fn entra_answered_in(&self, time: Duration) {
        self.0.borrow_mut().entra = Some(time);
    }

    /// Notes how long the API took.
    pub(crate) fn api_answered_in(&self, time: Duration) {
        self.0.borrow_mut().api = Some(time);
    }

    /// Notes how the API refused.
    pub(crate) fn api_fault(&self, fault: &ApiFault) {
        let mut notes = self.0.borrow_mut();
        match fault {
            ApiFault::Call(_) => {}
            ApiFault::Unusable(status) => notes.api_status = Some(status.as_u16()),
            ApiFault::Problem(problem) => {
                notes.api_status = Some(problem.status.as_u16());
                notes.api_code = Some(problem.code.clone());
                notes.api_request_id.clone_from(&problem.request_id);
            }
        }
    }

    /// Writes the request's line.
    pub(crate) fn log<H: Host>(
        &self,
        host: &H,
        request_id: Uuid,
        served: Served,
        failure: Option<&Failure>,
        total: Duration,
    ) {
        let notes = self.0.borrow();
        let refusal = failure.and_then(Failure::entra_refusal);
        Line::new(level(served.status), "request")
            .with("method", served.method)
            .with("path", served.path)
            .with("status", served.status.as_u16())
            .with("outcome", failure.map_or("ok", Failure::code))
            .with_some("cause", failure.and_then(Failure::cause))
            .with("request_id", request_id)
            .with_some("tenant_id", notes.tenant_id)
            .with_some("object_id", notes.object_id)
            .with_some("entra_correlation_id", refusal.and_then(|refusal| refusal.correlation_id))
            .with_some("entra_trace_id", refusal.and_then(|refusal| refusal.trace_id))
            .with_some("api_status", notes.api_status)
            .with_some("api_code", notes.api_code.as_deref())
            .with_some("api_request_id", notes.api_request_id.as_deref())
            .with_some("entra_ms", notes.entra.map(milliseconds))
            .with_some("api_ms", notes.api.map(milliseconds))
            .with("total_ms", milliseconds(total))
            .write(host);
    }
}

/// How a request was served.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Served {
    /// `GET`, `HEAD`, `POST`; any other method is `other`.
    pub(crate) method: &'static str,
    /// One of this app's paths; any other is `other`.
    pub(crate) path: &'static str,
    /// The status of the answer.
    pub(crate) status: StatusCode,
}
