//! `WWW-Authenticate`, made for callers and read from Graph (RFC 9110 section 11.6.1, RFC 6750 section 3).

use base64::{
    Engine,
    alphabet::STANDARD as ALPHABET,
    engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig, general_purpose::STANDARD},
};
use http::{HeaderMap, HeaderValue, header::WWW_AUTHENTICATE};

use crate::exchange_refusal::claims_challenge;

/// Base64 with or without padding: both are seen.
const LENIENT: GeneralPurpose = GeneralPurpose::new(
    &ALPHABET,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// A Bearer challenge under construction.
#[derive(Debug)]
pub struct BearerChallenge(String);

impl BearerChallenge {
    /// A challenge of `realm` that names where to sign in. MSAL's clients read both.
    #[must_use]
    pub fn new(realm: &str, authorization_uri: &str) -> Self {
        Self("Bearer".to_owned()).first("realm", realm).with("authorization_uri", authorization_uri)
    }

    /// Adds a parameter. Characters that would end the quoted string, and all that is not printable ASCII, are left out;
    /// nothing that a caller or an upstream writes is ever put here as it came.
    #[must_use]
    pub fn with(mut self, name: &str, value: &str) -> Self {
        self.0.push(',');
        self.first(name, value)
    }

    /// Adds a claims challenge.
    /// <https://learn.microsoft.com/entra/identity-platform/claims-challenge#claims-challenge-header-format>
    #[must_use]
    pub fn with_claims(self, claims: &str) -> Self {
        self.with("error", "insufficient_claims").with("claims", &STANDARD.encode(claims))
    }

    /// The header's value.
    #[must_use]
    pub fn into_value(self) -> Option<HeaderValue> {
        HeaderValue::try_from(self.0).ok()
    }

    fn first(mut self, name: &str, value: &str) -> Self {
        let quotable = value.chars().filter(|character| matches!(character, ' ' | '!' | '#'..='[' | ']'..='~'));
        self.0.push(' ');
        self.0.push_str(name);
        self.0.push_str("=\"");
        self.0.extend(quotable);
        self.0.push('"');
        self
    }
}

/// The claims that a 401 of Graph asks for: those of a Bearer challenge with `error="insufficient_claims"`, among
/// however many challenges on however many lines.
#[must_use]
pub fn requested_claims(headers: &HeaderMap) -> Option<String> {
    headers
        .get_all(WWW_AUTHENTICATE)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(challenges)
        .filter(|challenge| challenge.scheme.eq_ignore_ascii_case("bearer"))
        .filter(|challenge| challenge.parameter("error") == Some("insufficient_claims"))
        .find_map(|challenge| {
            let bytes = LENIENT.decode(challenge.parameter("claims")?).ok()?;
            claims_challenge(std::str::from_utf8(&bytes).ok()?)
        })
}

#[derive(Debug, Default)]
struct Challenge {
    scheme: String,
    parameters: Vec<(String, String)>,
}

impl Challenge {
    fn parameter(&self, name: &str) -> Option<&str> {
        self.parameters.iter().find(|(own, _)| own.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    }
}

/// The challenges of one header line. What cannot be read ends the reading.
fn challenges(line: &str) -> Vec<Challenge> {
    let mut challenges: Vec<Challenge> = Vec::new();
    let mut rest = line;
    loop {
        rest = rest.trim_start_matches([' ', '\t', ',']);
        let (word, after) = token(rest);
        if word.is_empty() {
            return challenges;
        }
        // A word before "=" is a parameter; any other begins the next challenge.
        match after.trim_start_matches([' ', '\t']).strip_prefix('=') {
            Some(value) => {
                let Some((value, after)) = parameter_value(value.trim_start_matches([' ', '\t'])) else {
                    return challenges;
                };
                if let Some(challenge) = challenges.last_mut() {
                    challenge.parameters.push((word.to_owned(), value));
                }
                rest = after;
            }
            None => {
                challenges.push(Challenge { scheme: word.to_owned(), parameters: Vec::new() });
                rest = after;
            }
        }
    }
}

/// The token at the start (RFC 9110 section 5.6.2), and what follows it.
fn token(text: &str) -> (&str, &str) {
    let end = text
        .find(|character: char| !character.is_ascii_alphanumeric() && !"!#$%&'*+-.^_`|~".contains(character))
        .unwrap_or(text.len());
    text.split_at_checked(end).unwrap_or((text, ""))
}

/// A token or a quoted string (section 5.6.4), and what follows it.
fn parameter_value(text: &str) -> Option<(String, &str)> {
    let Some(quoted) = text.strip_prefix('"') else {
        let (value, after) = token(text);
        return Some((value.to_owned(), after));
    };
    let mut value = String::new();
    let mut characters = quoted.chars();
    loop {
        match characters.next()? {
            '"' => return Some((value, characters.as_str())),
            '\\' => value.push(characters.next()?),
            character => value.push(character),
        }
    }
}

#[cfg(test)]
mod tests {
    use base64::{Engine, engine::general_purpose::STANDARD};
    use http::{HeaderMap, HeaderValue, header::WWW_AUTHENTICATE};

    use super::{BearerChallenge, requested_claims};

    const CLAIMS: &str = r#"{"access_token":{"nbf":{"essential":true,"value":"1752041837"}}}"#;

    fn read(lines: &[String]) -> Option<String> {
        let mut headers = HeaderMap::new();
        for line in lines {
            headers.append(WWW_AUTHENTICATE, HeaderValue::from_str(line).unwrap());
        }
        requested_claims(&headers)
    }

    #[test]
    fn claims_are_found_among_challenges() {
        let claims = STANDARD.encode(CLAIMS);
        let unpadded = claims.trim_end_matches('=');
        let cases = [
            vec![format!(r#"Bearer realm="", error="insufficient_claims", claims="{claims}""#)],
            vec![format!(r#"Bearer realm="",error="insufficient_claims",claims="{unpadded}""#)],
            vec![format!(
                r#"Bearer realm="", authorization_uri="https://login.example/a,b=c", client_id="x", error_description="one, two=three \"four\"", error="insufficient_claims", claims="{claims}", PoP realm="", error="none", claims="x""#
            )],
            vec![format!(r#"PoP realm="", claims="x", BEARER claims="{claims}" , ERROR = "insufficient_claims""#)],
            vec!["PoP realm=\"\"".to_owned(), format!(r#"Bearer error=insufficient_claims, claims="{claims}""#)],
            vec![format!(r#"Negotiate, Bearer error="insufficient_claims", claims="{claims}""#)],
        ];
        for lines in cases {
            assert_eq!(read(&lines).as_deref(), Some(CLAIMS), "{lines:?}");
        }
    }

    #[test]
    fn anything_else_is_no_claims_challenge() {
        let claims = STANDARD.encode(CLAIMS);
        let cases = [
            r#"Bearer realm="", authorization_uri="https://login.example""#.to_owned(),
            format!(r#"Bearer error="invalid_token", claims="{claims}""#),
            format!(r#"PoP error="insufficient_claims", claims="{claims}""#),
            format!(r#"Bearer error="insufficient_claims", PoP claims="{claims}""#),
            format!(r#"Bearer error_description="error=\"insufficient_claims\", claims=\"{claims}\"""#),
            r#"Bearer error="insufficient_claims", claims="!!""#.to_owned(),
            format!(r#"Bearer error="insufficient_claims", claims="{}""#, STANDARD.encode("[]")),
            r#"Bearer error="insufficient_claims", claims="eyJ"#.to_owned(),
            "=,=\"".to_owned(),
        ];
        for line in cases {
            assert_eq!(read(std::slice::from_ref(&line)), None, "{line}");
        }
    }

    #[test]
    fn a_challenge_can_be_read_by_its_own_reader_and_split_by_nobody() {
        let challenge = BearerChallenge::new("tenant", "https://login.example/authorize").with_claims(CLAIMS);
        let value = challenge.into_value().unwrap();
        assert_eq!(requested_claims(&HeaderMap::from_iter([(WWW_AUTHENTICATE, value)])).as_deref(), Some(CLAIMS));
        let hostile = BearerChallenge::new("a\"b\r\nc\\", "u").into_value().unwrap();
        assert_eq!(hostile, r#"Bearer realm="abc", authorization_uri="u""#);
    }
}
