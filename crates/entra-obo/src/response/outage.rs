//! What callers receive when something that the API depends on fails.

use crate::{
    host::SendFault,
    response::{
        problem::{OUTAGE_WAIT, Problem},
        problem_type::{ProblemType, REQUEST_TIMEOUT, SERVER_MISCONFIGURED, SERVER_UNAVAILABLE},
    },
    settings::source::Unsettled,
    upstream::call::{FaultKind, UpstreamFault},
};

/// The problems of a service that gives no response.
#[derive(Debug, Clone, Copy)]
pub struct SendProblems {
    /// There is no connection.
    pub unreachable: &'static ProblemType,
    /// There is no response in time.
    pub timeout: &'static ProblemType,
}

/// The problems of a service that gives no usable response.
#[derive(Debug, Clone, Copy)]
pub struct UpstreamProblems {
    /// There is no response.
    pub send: SendProblems,
    /// The service's documents do not describe the response.
    pub unusable: &'static ProblemType,
    /// The service is unavailable.
    pub unavailable: &'static ProblemType,
}

impl SendProblems {
    /// The problem that a fault is to the caller.
    #[must_use]
    pub fn problem(&self, fault: &SendFault) -> Problem {
        match fault {
            // Spin also says so while it cannot read a variable that the list of allowed hosts is made from.
            SendFault::Denied(_) => Problem::new(&SERVER_UNAVAILABLE).with_retry_after(OUTAGE_WAIT),
            SendFault::DeadlinePassed => Problem::new(&REQUEST_TIMEOUT),
            SendFault::TimedOut => Problem::new(self.timeout),
            SendFault::Broken(_) => Problem::new(self.unreachable),
        }
    }
}

impl UpstreamProblems {
    /// The problem that a fault is to the caller.
    #[must_use]
    pub fn problem(&self, fault: &UpstreamFault) -> Problem {
        match &fault.kind {
            FaultKind::Send(fault) => self.send.problem(fault),
            FaultKind::Unusable(_) => Problem::new(self.unusable),
            FaultKind::Unavailable(_, wait) => {
                Problem::new(self.unavailable).with_retry_after(wait.unwrap_or(OUTAGE_WAIT))
            }
        }
    }
}

impl From<&Unsettled> for Problem {
    fn from(fault: &Unsettled) -> Self {
        match fault {
            Unsettled::Faults(faults) if faults.may_pass() => settings_unreadable(),
            Unsettled::Faults(_) => Self::new(&SERVER_MISCONFIGURED),
            Unsettled::OutOfTime => Self::new(&REQUEST_TIMEOUT),
        }
    }
}

/// The problem of settings, or a credential, that the host cannot read.
pub(crate) fn settings_unreadable() -> Problem {
    Problem::new(&SERVER_UNAVAILABLE)
        .with_detail("This API cannot read its own settings at the moment. Try again later.")
        .with_retry_after(OUTAGE_WAIT)
}
