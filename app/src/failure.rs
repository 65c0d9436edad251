//! Everything that can go wrong for a person.
//!
//! What the person reads about it is in `pages::failure_page`, what the operator reads is [`Failure::cause`].

use entra_obo::settings::source::Unsettled;

use crate::{
    api::{call::ApiFault, problem::ApiProblem},
    entra::{
        redemption::RedemptionFault,
        refusal::{EntraRefusal, RefusalKind},
    },
};

/// Why the person gets a page about a failure.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Failure {
    /// No such path.
    NotFound,
    /// The path does not take the method, but these.
    MethodNotAllowed(&'static str),
    /// AppSettings are missing or wrong.
    Settings(Unsettled),
    /// Another site's page asked to sign out.
    CrossSiteSignOut,
    /// What came back from Entra belongs to no pending sign-in of this browser, or to one that was used before.
    NoPendingSignIn,
    /// Entra refused the sign-in.
    SignInRefused(EntraRefusal),
    /// The code was not redeemed.
    Redemption(RedemptionFault),
    /// The token does not fit into cookies.
    TokenTooLong,
    /// The token has expired.
    SessionExpired,
    /// The API gave no profile.
    Api(ApiFault),
    /// The API repeats a claims challenge, although the person was at Entra for it.
    ChallengeRepeated(Box<ApiProblem>),
    /// Something that cannot be, and yet must not be a panic.
    Internal(&'static str),
}

impl Failure {
    /// Its stable name, on the page and in the log.
    #[must_use]
    pub(crate) const fn code(&self) -> &'static str {
        match self {
            Self::NotFound => "not_found",
            Self::MethodNotAllowed(_) => "method_not_allowed",
            Self::Settings(_) => "misconfigured",
            Self::CrossSiteSignOut => "cross_site_sign_out",
            Self::NoPendingSignIn => "no_pending_sign_in",
            Self::SignInRefused(EntraRefusal { kind: RefusalKind::Cancelled, .. }) => "sign_in_cancelled",
            Self::SignInRefused(_) | Self::Redemption(RedemptionFault::Refused(_)) => "sign_in_refused",
            Self::Redemption(RedemptionFault::Call(_)) => "entra_unreachable",
            Self::Redemption(RedemptionFault::Unusable(_)) => "entra_unusable_answer",
            Self::Redemption(RedemptionFault::IdToken(_)) => "id_token_refused",
            Self::TokenTooLong => "token_too_long",
            Self::SessionExpired => "session_expired",
            Self::Api(ApiFault::Call(_)) => "api_unreachable",
            Self::Api(ApiFault::Unusable(_)) => "api_unusable_answer",
            Self::Api(ApiFault::Problem(_)) => "api_refused",
            Self::ChallengeRepeated(_) => "challenge_repeated",
            Self::Internal(_) => "internal",
        }
    }

    /// What happened, for the operator's log. Holds no token, secret or claim.
    #[must_use]
    pub(crate) fn cause(&self) -> Option<String> {
        match self {
            Self::NotFound | Self::MethodNotAllowed(_) | Self::CrossSiteSignOut => None,
            Self::NoPendingSignIn | Self::SessionExpired => None,
            Self::Settings(Unsettled::Faults(faults)) => Some(format!("wrong settings: {faults}")),
            Self::Settings(Unsettled::OutOfTime) => Some("the settings could not be loaded in time".to_owned()),
            Self::SignInRefused(refusal) => Some(format!("Entra refused the sign-in: {}", summary(refusal))),
            Self::Redemption(RedemptionFault::Refused(refusal)) => {
                Some(format!("Entra refused the code: {}", summary(refusal)))
            }
            Self::Redemption(RedemptionFault::Call(fault)) | Self::Api(ApiFault::Call(fault)) => {
                Some(fault.to_string())
            }
            Self::Redemption(RedemptionFault::Unusable(words)) => Some(format!("Entra's token endpoint sent {words}")),
            Self::Redemption(RedemptionFault::IdToken(fault)) => Some(format!("the id token {fault}")),
            Self::TokenTooLong => Some("the access token does not fit into cookies".to_owned()),
            Self::Api(ApiFault::Unusable(status)) => Some(format!(
                "the API responded with status {}, but neither a profile nor a problem document; check api_url",
                status.as_u16()
            )),
            Self::Api(ApiFault::Problem(problem)) | Self::ChallengeRepeated(problem) => {
                Some(format!("the API refused: {} {}", problem.status.as_u16(), problem.code))
            }
            Self::Internal(words) => Some((*words).to_owned()),
        }
    }

    /// Entra's refusal, if it is one.
    #[must_use]
    pub(crate) const fn entra_refusal(&self) -> Option<&EntraRefusal> {
        match self {
            Self::SignInRefused(refusal) | Self::Redemption(RedemptionFault::Refused(refusal)) => Some(refusal),
            _ => None,
        }
    }

    /// Whether a sign-in did not become a session.
    #[must_use]
    pub(crate) const fn is_about_a_sign_in(&self) -> bool {
        matches!(self, Self::NoPendingSignIn | Self::SignInRefused(_) | Self::Redemption(_) | Self::TokenTooLong)
    }

    /// Whether Entra rejected this app's secret: the operator may have set another.
    #[must_use]
    pub(crate) const fn is_about_the_secret(&self) -> bool {
        matches!(self.entra_refusal(), Some(EntraRefusal { kind: RefusalKind::CredentialRefused, .. }))
    }
}

fn summary(refusal: &EntraRefusal) -> String {
    let number = refusal.number.map(|number| format!(" AADSTS{number}")).unwrap_or_default();
    format!("{}{number}", refusal.error)
}
