//! Whether an instance can serve requests, for load balancers, and why not, for the operator's log.

use http::StatusCode;

use entra_obo::{event_log, host::Host, toolkit::Locked};

use crate::{error::Error, problem::problem};

/// What the last probe found.
#[derive(Debug, Default)]
pub(crate) struct Readiness(Locked<Option<String>>);

impl Readiness {
    /// Notes what a probe found, and writes one line when the instance stops being ready or has another reason for it: a
    /// probe every few seconds would otherwise fill the log.
    pub(crate) fn note<H: Host>(&self, host: &H, why_not: Option<&Error>) {
        let cause = why_not.map(Error::to_string);
        let former = std::mem::replace(&mut *self.0.lock(), cause.clone());
        let Some((reason, cause)) = why_not.zip(cause).filter(|(_, cause)| former.as_ref() != Some(cause)) else {
            return;
        };
        match reason {
            Error::NotReady(reason) if problem(reason, None).status() == StatusCode::INTERNAL_SERVER_ERROR => {
                event_log::error(host, "readiness", cause);
            }
            _ => event_log::warn(host, "readiness", cause),
        }
    }
}
