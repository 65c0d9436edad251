//! Everything that can keep a person from what they came for.
//!
//! What the person is told of each stands in `failure_page`; what the operator is told is [`Failure::cause`].

use crate::{
    api::{call::ApiFault, problem::ApiProblem},
    entra::{
        redemption::RedemptionFault,
        refusal::{EntraRefusal, Meaning},
    },
    host::SendFault,
    settings::SettingsFaults,
};

/// Why there is another page than the one hoped for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Failure {
    /// No such path.
    NotFound,
    /// The path is there, the method is not; these are.
    MethodNotAllowed(&'static str),
    /// The variables are wrong.
    Settings(SettingsFaults),
    /// Another site's page asked to sign out.
    SignOutFromElsewhere,
    /// What came back from Entra belongs to no sign-in that this browser has open, or to one that was finished before.
    SignInOver,
    /// Entra refused the sign-in.
    SignInRefused(EntraRefusal),
    /// The code brought no session.
    Redemption(RedemptionFault),
    /// The token does not fit into cookies.
    TokenTooLong,
    /// The token has expired.
    SessionOver,
    /// The API gave no profile.
    Api(ApiFault),
    /// The API asks for more again, though the person was at Entra for it.
    ChallengeRepeated(Box<ApiProblem>),
    /// Something that cannot be, and yet must not be a panic.
    Internal(&'static str),
}

impl Failure {
    /// The stable word for it, in the log and in the documents.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::NotFound => "not_found",
            Self::MethodNotAllowed(_) => "method_not_allowed",
            Self::Settings(_) => "misconfigured",
            Self::SignOutFromElsewhere => "sign_out_from_elsewhere",
            Self::SignInOver => "sign_in_over",
            Self::SignInRefused(EntraRefusal { meaning: Meaning::Cancelled, .. }) => "sign_in_cancelled",
            Self::SignInRefused(_) | Self::Redemption(RedemptionFault::Refused(_)) => "sign_in_refused",
            Self::Redemption(RedemptionFault::Send(_)) => "entra_unreachable",
            Self::Redemption(RedemptionFault::Unusable(_)) => "entra_unusable_answer",
            Self::Redemption(RedemptionFault::IdToken(_)) => "id_token_refused",
            Self::TokenTooLong => "token_too_long",
            Self::SessionOver => "session_over",
            Self::Api(ApiFault::Send(_)) => "api_unreachable",
            Self::Api(ApiFault::Unusable(_)) => "api_unusable_answer",
            Self::Api(ApiFault::Problem(_)) => "api_refused",
            Self::ChallengeRepeated(_) => "challenge_repeated",
            Self::Internal(_) => "internal",
        }
    }

    /// What happened, for the operator's log. Holds no token, secret or claim.
    #[must_use]
    pub fn cause(&self) -> Option<String> {
        match self {
            Self::NotFound | Self::MethodNotAllowed(_) | Self::SignOutFromElsewhere => None,
            Self::SignInOver | Self::SessionOver => None,
            Self::Settings(faults) => Some(format!("wrong variables: {faults}")),
            Self::SignInRefused(refusal) => Some(format!("Entra refused the sign-in: {}", summary(refusal))),
            Self::Redemption(RedemptionFault::Refused(refusal)) => {
                Some(format!("Entra refused the code: {}", summary(refusal)))
            }
            Self::Redemption(RedemptionFault::Send(fault)) => Some(unsent("Entra", fault)),
            Self::Redemption(RedemptionFault::Unusable(words)) => Some(format!("Entra's token endpoint gave {words}")),
            Self::Redemption(RedemptionFault::IdToken(fault)) => Some(format!("id token: {fault:?}")),
            Self::TokenTooLong => Some("the access token does not fit into cookies".to_owned()),
            Self::Api(ApiFault::Send(fault)) => Some(unsent("the API", fault)),
            Self::Api(ApiFault::Unusable(status)) => Some(format!(
                "the API answered with status {} and neither a profile nor a problem document; look at api_url",
                status.as_u16()
            )),
            Self::Api(ApiFault::Problem(problem)) | Self::ChallengeRepeated(problem) => {
                Some(format!("the API refused: {} {}", problem.status, problem.code))
            }
            Self::Internal(words) => Some((*words).to_owned()),
        }
    }

    /// Entra's refusal, if it is one.
    #[must_use]
    pub const fn entra_refusal(&self) -> Option<&EntraRefusal> {
        match self {
            Self::SignInRefused(refusal) | Self::Redemption(RedemptionFault::Refused(refusal)) => Some(refusal),
            _ => None,
        }
    }

    /// Whether a sign-in did not become a session.
    #[must_use]
    pub const fn is_about_a_sign_in(&self) -> bool {
        matches!(self, Self::SignInOver | Self::SignInRefused(_) | Self::Redemption(_) | Self::TokenTooLong)
    }

    /// Whether Entra does not take this app's secret: the operator may have set another.
    #[must_use]
    pub const fn is_about_the_secret(&self) -> bool {
        matches!(self.entra_refusal(), Some(EntraRefusal { meaning: Meaning::CredentialRefused, .. }))
    }
}

fn summary(refusal: &EntraRefusal) -> String {
    let number = refusal.number.map(|number| format!(" AADSTS{number}")).unwrap_or_default();
    format!("{}{number}", refusal.error)
}

fn unsent(whom: &str, fault: &SendFault) -> String {
    match fault {
        SendFault::Denied => format!("Spin does not let this app call {whom}: look at allowed_outbound_hosts"),
        SendFault::TimedOut => format!("{whom} did not answer in time"),
        SendFault::TooLarge => format!("{whom} answered with more than is read"),
        SendFault::Broken(words) => format!("{whom} could not be reached: {words}"),
    }
}
