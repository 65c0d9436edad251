//! The challenges of a downstream API, `WWW-Authenticate` (RFC 9110 section 11.6.1, RFC 6750 section 3).

use base64::{
    Engine,
    alphabet::STANDARD as ALPHABET,
    engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig},
};
use http::{HeaderMap, header::WWW_AUTHENTICATE};

use crate::claims_challenge::ClaimsChallenge;

/// Base64 with or without padding: both occur.
const LENIENT: GeneralPurpose = GeneralPurpose::new(
    &ALPHABET,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// The claims that a response of a downstream API asks for: those of a Bearer challenge, among however many challenges on
/// however many lines.
///
/// Its `error` does not count. Microsoft documents `insufficient_claims`, and other services send `invalid_token` with
/// the same claims; either way, a token with these claims is needed.
#[must_use]
pub fn claims_challenge(headers: &HeaderMap) -> Option<ClaimsChallenge> {
    headers
        .get_all(WWW_AUTHENTICATE)
        .iter()
        .flat_map(|value| challenges(&String::from_utf8_lossy(value.as_bytes())))
        .filter(|challenge| challenge.scheme.eq_ignore_ascii_case("bearer"))
        .flat_map(|challenge| challenge.parameters)
        .filter(|(name, _)| name.eq_ignore_ascii_case("claims"))
        .find_map(|(_, value)| decoded_claims(&value))
}

/// Claims in base64 or base64url, which some of Microsoft's libraries write.
fn decoded_claims(value: &str) -> Option<ClaimsChallenge> {
    let standard: String = value.chars().map(in_standard_alphabet).collect();
    let bytes = LENIENT.decode(standard).ok()?;
    ClaimsChallenge::parse(std::str::from_utf8(&bytes).ok()?)
}

const fn in_standard_alphabet(character: char) -> char {
    match character {
        '-' => '+',
        '_' => '/',
        other => other,
    }
}

#[derive(Debug)]
struct Received {
    scheme: String,
    parameters: Vec<(String, String)>,
}

/// The challenges of one header line. Graph's are not always well-formed: what cannot be parsed is skipped up to the
/// next comma.
fn challenges(line: &str) -> Vec<Received> {
    let mut challenges: Vec<Received> = Vec::new();
    let mut rest = line;
    loop {
        rest = rest.trim_start_matches([' ', '\t', ',']);
        if rest.is_empty() {
            return challenges;
        }
        let (word, after) = token(rest);
        let next = after.trim_start_matches([' ', '\t']);
        rest = match next.strip_prefix('=') {
            // A word before "=" is a parameter of the last challenge.
            Some(value) if !word.is_empty() => {
                let (value, after) = parameter_value(value.trim_start_matches([' ', '\t']));
                if let Some(challenge) = challenges.last_mut() {
                    challenge.parameters.push((word.to_owned(), value));
                }
                after
            }
            // A word before a space and something else begins a challenge.
            None if !word.is_empty() && next.len() < after.len() => {
                challenges.push(Received { scheme: word.to_owned(), parameters: Vec::new() });
                next
            }
            // A scheme without parameters, or something that cannot be parsed.
            _ => after.find(',').and_then(|comma| after.get(comma..)).unwrap_or_default(),
        };
    }
}

/// The token at the start (RFC 9110 section 5.6.2), and what follows it.
fn token(text: &str) -> (&str, &str) {
    let end = text
        .find(|character: char| !character.is_ascii_alphanumeric() && !"!#$%&'*+-.^_`|~".contains(character))
        .unwrap_or(text.len());
    text.split_at_checked(end).unwrap_or((text, ""))
}

/// A quoted string (section 5.6.4), or everything up to the next comma or space, since Graph sends addresses without
/// quotes; and what follows it. A quoted string without an end is the rest of the line.
fn parameter_value(text: &str) -> (String, &str) {
    let Some(quoted) = text.strip_prefix('"') else {
        let end = text.find([' ', '\t', ',']).unwrap_or(text.len());
        let (value, after) = text.split_at_checked(end).unwrap_or((text, ""));
        return (value.to_owned(), after);
    };
    let mut value = String::new();
    let mut characters = quoted.chars();
    while let Some(character) = characters.next() {
        match character {
            '"' => break,
            '\\' => value.extend(characters.next()),
            character => value.push(character),
        }
    }
    (value, characters.as_str())
}

#[cfg(test)]
mod tests {
    use base64::{
        Engine,
        engine::general_purpose::{STANDARD, URL_SAFE, URL_SAFE_NO_PAD},
    };
    use http::{HeaderMap, HeaderValue, header::WWW_AUTHENTICATE};
    use proptest::prelude::*;

    use super::{challenges, claims_challenge};

    const CLAIMS: &str = r#"{"access_token":{"nbf":{"essential":true,"value":"1752041837"}}}"#;
    /// In base64url these look different.
    const CLAIMS_WITH_SIGNS: &str = r#"{"access_token":{"a":{"value":"~~~???>>>"}}}"#;

    fn read(lines: &[String]) -> Option<String> {
        let mut headers = HeaderMap::new();
        for line in lines {
            headers.append(WWW_AUTHENTICATE, HeaderValue::from_bytes(line.as_bytes()).unwrap());
        }
        claims_challenge(&headers).map(|claims| claims.as_str().to_owned())
    }

    #[test]
    fn claims_are_found_in_every_form_that_was_recorded() {
        let claims = STANDARD.encode(CLAIMS);
        let nonce = "n".repeat(450);
        let lines = [
            // Graph 2025 (Azure/azure-cli#31777), followed by a second challenge.
            format!(
                r#"Bearer realm="", authorization_uri="https://login.microsoftonline.com/common/oauth2/authorize", client_id="00000003-0000-0000-c000-000000000000", error_description="Continuous access evaluation resulted in challenge with result: InteractionRequired and code: LocationConditionEvaluationSatisfied", error="insufficient_claims", claims="{claims}", PoP realm="", authorization_uri="https://login.microsoftonline.com/common/oauth2/authorize", client_id="00000003-0000-0000-c000-000000000000", nonce="{nonce}""#
            ),
            // The other order.
            format!(
                r#"PoP realm="", nonce="{nonce}", claims="x", Bearer realm="", error="insufficient_claims", claims="{claims}""#
            ),
            // An address without quotes (microsoftgraph/msgraph-sdk-dotnet#1416).
            format!(
                r#"Bearer realm="", authorization_uri=https://login.microsoftonline.com/common/oauth2/authorize, client_id="00000003-0000-0000-c000-000000000000", error="insufficient_claims", claims="{claims}", errorDescription="Continuous access evaluation resulted in claims challenge""#
            ),
            format!(
                r#"Bearer authorization_uri=https://login.example/authorize?a=b&c=d:e error=insufficient_claims claims={claims}"#
            ),
            // Another error, or none.
            format!(
                r#"Bearer realm="", error="invalid_token", error_description="User session has been revoked", claims="{claims}""#
            ),
            format!(r#"Bearer claims="{claims}""#),
            // From other services.
            format!(r#"BEARER claims="{claims}" , ERROR = "insufficient_claims""#),
            format!(r#"Bearer realm="" error="insufficient_claims" claims="{claims}""#),
            format!(r#"Negotiate, Bearer error="insufficient_claims", claims="{claims}""#),
            format!(r#"Negotiate YIIabc+/=, Bearer error="insufficient_claims", claims="{claims}""#),
            format!(r#"Bearer error="insufficient_claims", NTLM, claims="{claims}""#),
            format!(r#"Bearer error_description="one, two=three \"four\"", claims="{claims}""#),
            // Only the last parameter can be parsed.
            format!(r#"Bearer {{odd}}; =, "x", ==, error_description="naïve", realm=", claims=", claims="{claims}""#),
            format!(r#"Bearer claims="?", claims="{claims}""#),
            format!(r#"Bearer claims="", Bearer claims="{claims}""#),
        ];
        for line in lines {
            assert_eq!(read(std::slice::from_ref(&line)).as_deref(), Some(CLAIMS), "{line}");
        }
        let on_lines = ["PoP realm=\"\"".to_owned(), String::new(), format!(r#"Bearer claims="{claims}""#)];
        assert_eq!(read(&on_lines).as_deref(), Some(CLAIMS));
    }

    #[test]
    fn claims_are_base64_of_either_alphabet() {
        let standard = STANDARD.encode(CLAIMS_WITH_SIGNS);
        assert!(standard.contains(['+', '/']));
        for claims in [
            standard.as_str(),
            standard.trim_end_matches('='),
            &URL_SAFE.encode(CLAIMS_WITH_SIGNS),
            &URL_SAFE_NO_PAD.encode(CLAIMS_WITH_SIGNS),
        ] {
            assert_eq!(read(&[format!(r#"Bearer claims="{claims}""#)]).as_deref(), Some(CLAIMS_WITH_SIGNS), "{claims}");
        }
    }

    #[test]
    fn anything_else_is_no_claims_challenge() {
        let claims = STANDARD.encode(CLAIMS);
        let cases = [
            r#"Bearer realm="", authorization_uri="https://login.example""#.to_owned(),
            format!(r#"PoP error="insufficient_claims", claims="{claims}""#),
            format!(r#"Bearer error="insufficient_claims", PoP claims="{claims}""#),
            format!(r#"Bearer error_description="error=\"insufficient_claims\", claims=\"{claims}\"""#),
            format!(r#"claims="{claims}""#),
            r#"Bearer error="insufficient_claims", claims="!!""#.to_owned(),
            format!(r#"Bearer error="insufficient_claims", claims="{}""#, STANDARD.encode("[]")),
            r#"Bearer error="insufficient_claims", claims="eyJ"#.to_owned(),
            "=,=\"".to_owned(),
        ];
        for line in cases {
            assert_eq!(read(std::slice::from_ref(&line)), None, "{line}");
        }
    }

    proptest! {
        #[test]
        fn any_line_is_parsed(line in ".{0,200}") {
            challenges(&line);
        }

        #[test]
        fn any_line_of_delimiters_is_parsed(line in r#"[a-bA-B=", \t\\:/é]{0,40}"#) {
            challenges(&line);
        }

        #[test]
        fn a_challenge_on_its_own_line_is_found_whatever_precedes_it(junk in "[ -~]{0,100}") {
            let challenge = format!("Bearer claims={}", STANDARD.encode(CLAIMS));
            prop_assert!(read(&[junk, challenge]).is_some());
        }
    }
}
