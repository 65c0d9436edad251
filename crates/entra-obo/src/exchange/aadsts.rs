//! The AADSTS codes that an exchange can end in.
//!
//! <https://learn.microsoft.com/entra/identity-platform/reference-error-codes>

use std::ops::RangeInclusive;

/// Whose requests Entra throttles.
///
/// Microsoft documents a loop of one person's requests (AADSTS50196), blocked directories (AADSTS90055), and status 429
/// for applications that ask for tokens of their own. No page documents 429 for a person's request, so it is taken to
/// be about that person: one caller must not block the others.
/// <https://learn.microsoft.com/entra/msal/dotnet/advanced/client-and-server-throttling>
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Throttle {
    /// Those with this token.
    Token,
    /// This person's, or the application's own.
    Person,
    /// Everyone's in this directory.
    Directory,
}

/// What a code means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Code {
    /// Too many requests.
    Throttled(Throttle),
    /// Entra, or something that it depends on, fails for now.
    Busy,
    /// Consent is missing, or was withheld by an administrator.
    Consent,
    /// The directory does not have this API. Consent by its administrator adds it.
    Absent,
    /// The directory's administrator disabled this API.
    Disabled,
    /// The token is one of an application.
    AppOnly,
    /// Nothing that the person does will help; their administrator may.
    Denied,
    /// The person has to sign in again, and can.
    SignIn,
    /// The token is not accepted.
    Token,
    /// The same for organisations. For personal accounts: consent is missing, since the only grant in an exchange is the
    /// token, whose time was checked here.
    TokenOrConsent,
    /// The token with which this API proves itself is not trusted.
    Credential,
    /// The registration, the settings or the request of this API are wrong.
    Operator,
}

/// The codes that an exchange can end in and that say more than `error` does, each with the reason in a word, for the log.
/// Where an answer has several codes, the earlier row decides.
///
/// Left out because no exchange ends in them: codes of the sign-in pages, SAML, WS-Federation, device codes, redirect
/// URIs, passwords and the registration of devices. So are those about secrets and certificates, which come as
/// `invalid_client`; some about federated tokens come as `invalid_request`.
pub(crate) const CODES: [(RangeInclusive<u32>, Code, &str); 145] = [
    (50196..=50196, Code::Throttled(Throttle::Token), "loop"),
    (90055..=90055, Code::Throttled(Throttle::Directory), "throttled"),
    (40010..=40010, Code::Busy, "provider"),
    (50000..=50000, Code::Busy, "entra"),
    (50033..=50033, Code::Busy, "transient"),
    (50087..=50087, Code::Busy, "transient"),
    (50166..=50166, Code::Busy, "provider"),
    (70012..=70012, Code::Busy, "entra"),
    (90006..=90006, Code::Busy, "transient"),
    (90012..=90012, Code::Busy, "timeout"),
    (90024..=90024, Code::Busy, "transient"),
    (90033..=90033, Code::Busy, "directory"),
    (90036..=90036, Code::Busy, "directory"),
    (90090..=90092, Code::Busy, "directory"),
    (230_109..=230_109, Code::Busy, "backup"),
    (501_621..=501_621, Code::Busy, "timeout"),
    (65001..=65001, Code::Consent, "consent"),
    (90008..=90008, Code::Consent, "consent"),
    (90094..=90095, Code::Consent, "administrator"),
    (70001..=70001, Code::Absent, "absent"),
    (90099..=90099, Code::Absent, "partner"),
    (700_011..=700_011, Code::Absent, "absent"),
    (700_016..=700_016, Code::Absent, "absent"),
    (700_038..=700_038, Code::Absent, "absent"),
    (7_000_229..=7_000_229, Code::Absent, "absent"),
    (1_000_031..=1_000_031, Code::Disabled, "administrator"),
    (7_000_112..=7_000_112, Code::Disabled, "disabled"),
    (7_000_114..=7_000_114, Code::AppOnly, "application"),
    (16000..=16000, Code::Denied, "guest"),
    (16003..=16003, Code::Denied, "guest"),
    (50014..=50014, Code::Denied, "guest"),
    (50020..=50020, Code::Denied, "guest"),
    (50034..=50034, Code::Denied, "unknown"),
    (50177..=50178, Code::Denied, "guest"),
    (51004..=51004, Code::Denied, "unknown"),
    (90072..=90072, Code::Denied, "guest"),
    (500_571..=500_571, Code::Denied, "guest"),
    (50053..=50053, Code::Denied, "locked"),
    (50057..=50057, Code::Denied, "disabled"),
    (50015..=50015, Code::Denied, "minor"),
    (54000..=54000, Code::Denied, "minor"),
    (50105..=50105, Code::Denied, "assignment"),
    (501_051..=501_051, Code::Denied, "assignment"),
    (65004..=65004, Code::Denied, "declined"),
    (90093..=90093, Code::Denied, "directory"),
    (90123..=90123, Code::Denied, "provider"),
    (50161..=50161, Code::Denied, "provider"),
    (50170..=50170, Code::Denied, "provider"),
    (130_007..=130_007, Code::Denied, "device"),
    (135_011..=135_011, Code::Denied, "device"),
    (50002..=50002, Code::Denied, "restriction"),
    (500_021..=500_022, Code::Denied, "restriction"),
    (500_208..=500_208, Code::Denied, "domain"),
    (500_212..=500_213, Code::Denied, "directories"),
    (1_000_104..=1_000_104, Code::Denied, "cloud"),
    (50005..=50005, Code::Denied, "policy"),
    (50131..=50131, Code::Denied, "policy"),
    // The whole family: compliant and joined devices, approved and protected applications, risk, security policies,
    // token protection, and whatever is added.
    (53000..=53099, Code::Denied, "policy"),
    (530_000..=530_099, Code::Denied, "policy"),
    (16001..=16002, Code::SignIn, "account"),
    (160_021..=160_021, Code::SignIn, "session"),
    (50055..=50056, Code::SignIn, "password"),
    (50058..=50058, Code::SignIn, "session"),
    (50072..=50072, Code::SignIn, "factor"),
    (50074..=50074, Code::SignIn, "factor"),
    (50076..=50076, Code::SignIn, "factor"),
    (50078..=50079, Code::SignIn, "factor"),
    (50085..=50085, Code::SignIn, "provider"),
    (50097..=50097, Code::SignIn, "device"),
    (50125..=50125, Code::SignIn, "password"),
    (50127..=50127, Code::SignIn, "device"),
    (50129..=50129, Code::SignIn, "device"),
    (50135..=50135, Code::SignIn, "password"),
    (50139..=50140, Code::SignIn, "session"),
    (50143..=50143, Code::SignIn, "session"),
    (50144..=50144, Code::SignIn, "password"),
    (50155..=50155, Code::SignIn, "device"),
    (50158..=50158, Code::SignIn, "provider"),
    (50168..=50168, Code::SignIn, "device"),
    (50180..=50180, Code::SignIn, "device"),
    (50187..=50187, Code::SignIn, "device"),
    (50197..=50197, Code::SignIn, "account"),
    (50199..=50199, Code::SignIn, "confirmation"),
    (51006..=51006, Code::SignIn, "device"),
    (700_020..=700_020, Code::SignIn, "interaction"),
    (50006..=50006, Code::Token, "signature"),
    (50013..=50013, Code::Token, "assertion"),
    (50027..=50027, Code::Token, "assertion"),
    (50089..=50089, Code::Token, "expired"),
    (50120..=50120, Code::Token, "header"),
    (50132..=50133, Code::Token, "password"),
    (50173..=50173, Code::Token, "revoked"),
    (70008..=70008, Code::Token, "expired"),
    (70043..=70043, Code::Token, "frequency"),
    (90016..=90016, Code::Token, "claim"),
    (240_002..=240_002, Code::Token, "kind"),
    (500_133..=500_133, Code::Token, "expired"),
    (700_082..=700_082, Code::Token, "expired"),
    (700_084..=700_084, Code::Token, "expired"),
    (900_384..=900_384, Code::Token, "signature"),
    (70000..=70000, Code::TokenOrConsent, "grant"),
    (70021..=70021, Code::Credential, "federation"),
    (70025..=70025, Code::Credential, "federation"),
    (700_024..=700_024, Code::Credential, "time"),
    (700_211..=700_211, Code::Credential, "issuer"),
    (700_212..=700_212, Code::Credential, "audience"),
    (700_213..=700_213, Code::Credential, "subject"),
    (700_222..=700_222, Code::Credential, "identity"),
    (700_226..=700_226, Code::Credential, "identity"),
    (700_236..=700_236, Code::Credential, "identity"),
    (7_002_137..=7_002_138, Code::Credential, "subject"),
    // Entra does not accept the audience that this API accepted: the registration and the settings differ.
    (500_131..=500_131, Code::Operator, "audience"),
    (50001..=50001, Code::Operator, "resource"),
    (50003..=50003, Code::Operator, "key"),
    (50007..=50007, Code::Operator, "certificate"),
    (50010..=50010, Code::Operator, "audience"),
    (50042..=50043, Code::Operator, "salt"),
    (50124..=50124, Code::Operator, "claims"),
    (50146..=50146, Code::Operator, "key"),
    (50194..=50194, Code::Operator, "tenancy"),
    (65002..=65002, Code::Operator, "preauthorization"),
    (65005..=65005, Code::Operator, "permission"),
    (67003..=67003, Code::Operator, "identity"),
    (70003..=70003, Code::Operator, "grant"),
    (70011..=70011, Code::Operator, "scope"),
    (90002..=90002, Code::Operator, "tenant"),
    (90009..=90009, Code::Operator, "audience"),
    (90014..=90014, Code::Operator, "request"),
    (90023..=90023, Code::Operator, "request"),
    (90027..=90027, Code::Operator, "version"),
    (90038..=90038, Code::Operator, "cloud"),
    (90100..=90100, Code::Operator, "request"),
    (90124..=90124, Code::Operator, "authority"),
    (90130..=90130, Code::Operator, "authority"),
    (28002..=28003, Code::Operator, "scope"),
    (500_011..=500_011, Code::Operator, "resource"),
    (501_461..=501_461, Code::Operator, "claims"),
    (650_052..=650_057, Code::Operator, "permission"),
    (700_022..=700_023, Code::Operator, "scope"),
    (900_144..=900_144, Code::Operator, "request"),
    (900_382..=900_382, Code::Operator, "cloud"),
    (900_432..=900_432, Code::Operator, "cloud"),
    (1_002_012..=1_002_012, Code::Operator, "scope"),
    (9_001_023..=9_001_023, Code::Operator, "authority"),
    (9_002_300..=9_002_399, Code::Operator, "request"),
];

/// What the codes of a response say, and the reason in a word.
pub(crate) fn known_code(codes: &[u32]) -> Option<(Code, &'static str)> {
    let row = CODES.iter().find(|(known, ..)| codes.iter().any(|code| known.contains(code)));
    row.map(|(_, code, reason)| (*code, *reason))
}
