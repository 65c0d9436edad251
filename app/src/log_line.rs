//! The operator's log: one JSON line for each request.
//!
//! It never holds a token, a secret or a code, no claims except ids, and no text that a browser or an upstream chose, except
//! ids and codes of checked form.

use std::{cell::RefCell, time::Duration};

use http::StatusCode;
use serde::Serialize;
use uuid::Uuid;

use entra_obo::{event_log, host::Host};

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
        let line = RequestLine {
            level: event_log::level(served.status),
            event: "request",
            method: served.method,
            path: served.path,
            status: served.status.as_u16(),
            outcome: failure.map_or("ok", Failure::code),
            cause: failure.and_then(Failure::cause),
            request_id,
            tenant_id: notes.tenant_id,
            object_id: notes.object_id,
            entra_correlation_id: refusal.and_then(|refusal| refusal.correlation_id),
            entra_trace_id: refusal.and_then(|refusal| refusal.trace_id),
            api_status: notes.api_status,
            api_code: notes.api_code.as_deref(),
            api_request_id: notes.api_request_id.as_deref(),
            entra_ms: notes.entra.map(event_log::milliseconds),
            api_ms: notes.api.map(event_log::milliseconds),
            total_ms: event_log::milliseconds(total),
        };
        event_log::write(host, &line);
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

#[derive(Serialize)]
struct RequestLine<'a> {
    level: &'static str,
    event: &'static str,
    method: &'static str,
    path: &'static str,
    status: u16,
    outcome: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    cause: Option<String>,
    request_id: Uuid,
    #[serde(skip_serializing_if = "Option::is_none")]
    tenant_id: Option<Uuid>,
    #[serde(skip_serializing_if = "Option::is_none")]
    object_id: Option<Uuid>,
    #[serde(skip_serializing_if = "Option::is_none")]
    entra_correlation_id: Option<Uuid>,
    #[serde(skip_serializing_if = "Option::is_none")]
    entra_trace_id: Option<Uuid>,
    #[serde(skip_serializing_if = "Option::is_none")]
    api_status: Option<u16>,
    #[serde(skip_serializing_if = "Option::is_none")]
    api_code: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    api_request_id: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    entra_ms: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    api_ms: Option<f64>,
    total_ms: f64,
}
