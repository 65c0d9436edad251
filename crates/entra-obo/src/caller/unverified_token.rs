//! From a bearer token to a decoded JWT in compact form (RFC 7515 section 7.1, RFC 7519). Nothing is proven yet.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use sha2::{Digest, Sha256};

use crate::{
    caller::bearer_token::BearerToken,
    caller::token_fault::TokenFault,
    host::UnixTime,
    strict_json::{Member, Members},
};

/// Entra's key ids have 27 to 43 characters; the id is only ever compared.
const MAX_KEY_ID_BYTES: usize = 256;

/// A decoded token. Its content is only the sender's claim, hence the name.
#[derive(Debug)]
pub(crate) struct UnverifiedToken {
    bearer: BearerToken,
    signed_bytes: usize,
    signature: Vec<u8>,
    key_id: String,
    claims: UnverifiedClaims,
}

/// The claims that are judged, in the types that Entra gives them.
///
/// <https://learn.microsoft.com/entra/identity-platform/access-token-claims-reference>
#[derive(Debug)]
pub(crate) struct UnverifiedClaims {
    /// `ver`: which of Entra's two token forms this is.
    pub version: TokenVersion,
    /// `iss`
    pub issuer: String,
    /// `aud`
    pub audience: String,
    /// `exp`
    pub expires: UnixTime,
    /// `nbf`
    pub not_before: Option<UnixTime>,
    /// `tid`
    pub tenant_id: String,
    /// `oid`
    pub object_id: Option<String>,
    /// `scp`, split at its spaces
    pub scopes: Vec<String>,
    /// For whom the token was issued.
    pub subject: Subject,
    /// `azp` of a v2 token, `appid` of a v1 token
    pub client: Option<String>,
}

/// `ver`
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum TokenVersion {
    /// `1.0`, issued by `sts.windows.net`
    V1,
    /// `2.0`
    V2,
}

/// For whom an access token was issued.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Subject {
    /// A person who signed in.
    Person,
    /// The calling application itself (client credentials).
    Application,
}

impl UnverifiedToken {
    /// Decodes a token, and refuses one that cannot be an access token that Entra issued for an API.
    ///
    /// # Errors
    /// A [`TokenFault`] for anything but a three-part JWT, signed with RS256, with the claims that Entra always
    /// includes.
    pub(crate) fn decode(bearer: BearerToken) -> Result<Self, TokenFault> {
        let text = bearer.as_str();
        // At most six parts, which is enough to recognise each form: a token of dots costs nothing.
        let parts: Vec<&str> = text.splitn(6, '.').collect();
        let [header, payload, signature] = *parts.as_slice() else {
            return Err(if parts.len() == 5 { TokenFault::Encrypted } else { TokenFault::NotAJwt });
        };
        let signed_bytes = text.len().saturating_sub(signature.len()).saturating_sub(1);

        let key_id = key_id(&members(&decoded(header)?)?)?;
        let claims = UnverifiedClaims::parse(&members(&decoded(payload)?)?)?;
        let signature = decoded(signature)?;
        Ok(Self { signed_bytes, signature, key_id, claims, bearer })
    }

    /// The id of the key that the token names.
    #[must_use]
    pub(crate) fn unverified_key_id(&self) -> &str {
        &self.key_id
    }

    /// What the token says.
    #[must_use]
    pub(crate) const fn unverified_claims(&self) -> &UnverifiedClaims {
        &self.claims
    }

    /// SHA-256 of the bytes that the signature covers (RFC 7515 section 5.2, step 8).
    #[must_use]
    pub(crate) fn signed_digest(&self) -> [u8; 32] {
        Sha256::digest(self.bearer.as_str().as_bytes().get(..self.signed_bytes).unwrap_or_default()).into()
    }

    /// The signature.
    #[must_use]
    pub(crate) fn signature(&self) -> &[u8] {
        &self.signature
    }

    /// The token itself and what it says, for the verifier.
    pub(crate) fn into_parts(self) -> (BearerToken, UnverifiedClaims) {
        (self.bearer, self.claims)
    }
}

/// Base64url as RFC 7515 section 2 requires it: no padding, no other characters, no stray bits at the end.
fn decoded(part: &str) -> Result<Vec<u8>, TokenFault> {
    URL_SAFE_NO_PAD.decode(part).map_err(|_| TokenFault::NotAJwt)
}

fn members(json: &[u8]) -> Result<Members<'_>, TokenFault> {
    Members::of(json).map_err(|_| TokenFault::NotAJwt)
}

/// Types of JWTs that prove possession of a key.
const PROOF_TYPES: [&str; 2] = ["pop", "dpop+jwt"];

/// RFC 7515 section 4.1.9: `typ` is a media type whose `application/` may be left out, in any letter case.
fn is_media_type(typ: &str, expected: &str) -> bool {
    const PREFIX: &str = "application/";
    let short = match typ.split_at_checked(PREFIX.len()) {
        Some((prefix, rest)) if prefix.eq_ignore_ascii_case(PREFIX) => rest,
        _ => typ,
    };
    short.eq_ignore_ascii_case(expected)
}

/// Checks the header and returns the key's id. Members that bring or point to a key (`jku`, `x5u`, `jwk`, `x5c`) are
/// ignored: keys come from Entra only.
fn key_id(header: &Members<'_>) -> Result<String, TokenFault> {
    // The algorithm is ours, not the token's (RFC 8725 section 3.1): Entra signs access tokens by RS256.
    if !matches!(header.get("alg"), Some(Member::Text(alg)) if alg == "RS256") {
        return Err(TokenFault::Algorithm);
    }
    // A signed HTTP request (`pop`, as MSAL sends it) or a DPoP proof, which wrap or accompany a token that is bound to a
    // key.
    if header.get("cnf").is_some()
        || matches!(header.get("typ"), Some(Member::Text(typ)) if PROOF_TYPES.iter().any(|proof| is_media_type(typ, proof)))
    {
        return Err(TokenFault::KeyBound);
    }
    // Graph's own tokens carry a nonce here and a signature that only Graph can check.
    if header.get("nonce").is_some() {
        return Err(TokenFault::MeantForGraph);
    }
    // RFC 7515 section 4.1.11: a critical member that is not understood must be refused, and none is understood here.
    if ["crit", "b64", "zip", "cty", "enc"].iter().any(|name| header.get(name).is_some()) {
        return Err(TokenFault::Header);
    }
    match header.get("typ") {
        None => {}
        Some(Member::Text(typ)) if typ.eq_ignore_ascii_case("JWT") => {}
        Some(_) => return Err(TokenFault::Header),
    }
    match header.get("kid") {
        Some(Member::Text(id)) if !id.is_empty() && id.len() <= MAX_KEY_ID_BYTES => Ok(id.clone().into_owned()),
        _ => Err(TokenFault::KeyId),
    }
}

impl UnverifiedClaims {
    fn parse(claims: &Members<'_>) -> Result<Self, TokenFault> {
        refuse_look_alikes(claims)?;
        // RFC 7800: only the holder of this key may present the token, and the proof of that cannot be checked here.
        if claims.get("cnf").is_some() {
            return Err(TokenFault::KeyBound);
        }
        let version = match text(claims, "ver")? {
            Some("1.0") => TokenVersion::V1,
            Some("2.0") => TokenVersion::V2,
            _ => return Err(TokenFault::Claim("ver")),
        };
        let scopes = text(claims, "scp")?.unwrap_or_default();
        let subject = subject(claims, scopes)?;
        let client = match version {
            TokenVersion::V1 => owned(claims, "appid")?,
            TokenVersion::V2 => owned(claims, "azp")?,
        };
        Ok(Self {
            version,
            issuer: owned(claims, "iss")?.ok_or(TokenFault::Claim("iss"))?,
            audience: owned(claims, "aud")?.ok_or(TokenFault::Claim("aud"))?,
            expires: time(claims, "exp")?.ok_or(TokenFault::Claim("exp"))?,
            not_before: time(claims, "nbf")?,
            tenant_id: owned(claims, "tid")?.ok_or(TokenFault::Claim("tid"))?,
            object_id: owned(claims, "oid")?,
            scopes: scopes.split(' ').filter(|scope| !scope.is_empty()).map(str::to_owned).collect(),
            subject,
            client,
        })
    }
}

/// For whom the token was issued, if it is an access token.
///
/// `scp` is only in people's access tokens, and `idtyp` only in access tokens, if the API asks for it. Without both,
/// what else Entra puts into each kind of token decides:
///
/// | | access token of a person | access token of an application | ID token |
/// |---|---|---|---|
/// | the calling client: `azp` and `azpacr`, or `appid` and `appidacr` | yes | yes | no |
/// | the sign-in it belongs to: `nonce`, `at_hash`, `c_hash` | no | no | some of them |
/// | `roles` | sometimes | sometimes | sometimes |
/// | a person's names | if the client requests them | no | if the client requests them |
///
/// <https://learn.microsoft.com/entra/identity-platform/access-token-claims-reference#payload-claims>,
/// <https://learn.microsoft.com/entra/identity-platform/id-token-claims-reference#payload-claims>,
/// <https://learn.microsoft.com/entra/identity-platform/optional-claims-reference>
fn subject(claims: &Members<'_>, scopes: &str) -> Result<Subject, TokenFault> {
    let has = |names: &[&str]| names.iter().any(|name| claims.get(name).is_some());
    match text(claims, "idtyp")? {
        Some("app") => return Ok(Subject::Application),
        Some(_) => return Ok(Subject::Person),
        None => {}
    }
    if !scopes.is_empty() {
        return Ok(Subject::Person);
    }
    if has(&["nonce", "at_hash", "c_hash"]) || !has(&["azp", "azpacr", "appid", "appidacr"]) {
        return Err(TokenFault::IdToken);
    }
    if has(&["roles"]) || !has(&NAMES_OF_PEOPLE) {
        return Ok(Subject::Application);
    }
    Ok(Subject::Person)
}

/// Claims that name a person.
const NAMES_OF_PEOPLE: [&str; 7] =
    ["name", "preferred_username", "unique_name", "upn", "email", "given_name", "family_name"];

/// The claims that are judged. A member that differs from one of them only in case is an attack on case-insensitive
/// parsers, so it is refused.
const JUDGED: [&str; 13] =
    ["ver", "iss", "aud", "exp", "nbf", "tid", "oid", "scp", "roles", "idtyp", "azp", "appid", "cnf"];

fn refuse_look_alikes(claims: &Members<'_>) -> Result<(), TokenFault> {
    // Those that are judged are in lower case, and so are nearly all names.
    let mut others = claims.names().filter(|name| name.bytes().any(|byte| byte.is_ascii_uppercase()));
    match others.find_map(|name| JUDGED.iter().find(|judged| judged.eq_ignore_ascii_case(name))) {
        Some(judged) => Err(TokenFault::Claim(judged)),
        None => Ok(()),
    }
}

fn text<'a>(claims: &'a Members<'_>, name: &'static str) -> Result<Option<&'a str>, TokenFault> {
    match claims.get(name) {
        None => Ok(None),
        Some(Member::Text(text)) => Ok(Some(text)),
        Some(_) => Err(TokenFault::Claim(name)),
    }
}

fn owned(claims: &Members<'_>, name: &'static str) -> Result<Option<String>, TokenFault> {
    Ok(text(claims, name)?.map(str::to_owned))
}

/// Whole seconds only: RFC 7519 allows fractions, Entra never sends them, and parsers differ in how they read floats.
fn time(claims: &Members<'_>, name: &'static str) -> Result<Option<UnixTime>, TokenFault> {
    match claims.get(name) {
        None => Ok(None),
        Some(Member::Integer(seconds)) => Ok(Some(UnixTime(*seconds))),
        Some(_) => Err(TokenFault::Claim(name)),
    }
}

#[cfg(test)]
mod tests {
    use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
    use http::{HeaderMap, HeaderValue, header::AUTHORIZATION};
    use serde_json::{Value, json};
    use sha2::{Digest, Sha256};

    use super::{Subject, TokenVersion, UnverifiedToken};
    use crate::{caller::bearer_token::BearerToken, caller::token_fault::TokenFault};

    fn header() -> Value {
        json!({"typ": "JWT", "alg": "RS256", "kid": "key-1"})
    }

    fn claims() -> Value {
        json!({"ver": "2.0", "iss": "issuer", "aud": "audience", "exp": 100, "nbf": 10, "tid": "tenant", "oid": "person",
               "scp": "a b", "azp": "client"})
    }

    fn part(json: &str) -> String {
        URL_SAFE_NO_PAD.encode(json)
    }

    fn decode(token: &str) -> Result<UnverifiedToken, TokenFault> {
        let mut headers = HeaderMap::new();
        headers.insert(AUTHORIZATION, HeaderValue::try_from(format!("Bearer {token}")).unwrap());
        UnverifiedToken::decode(BearerToken::from_headers(&headers).unwrap())
    }

    fn decode_parts(header: &Value, claims: &Value) -> Result<UnverifiedToken, TokenFault> {
        decode(&format!("{}.{}.AAAA", part(&header.to_string()), part(&claims.to_string())))
    }

    #[test]
    fn a_whole_token_is_decoded() {
        let token = decode_parts(&header(), &claims()).unwrap();
        assert_eq!(token.unverified_key_id(), "key-1");
        assert_eq!(token.signature(), [0, 0, 0]);
        let signed = format!("{}.{}", part(&header().to_string()), part(&claims().to_string()));
        assert_eq!(token.signed_digest()[..], Sha256::digest(signed)[..]);
        let claims = token.unverified_claims();
        assert_eq!(claims.version, TokenVersion::V2);
        assert_eq!(claims.scopes, ["a", "b"]);
        assert_eq!(claims.client.as_deref(), Some("client"));
        assert_eq!(claims.subject, Subject::Person);
    }

    #[test]
    fn one_wrong_thing_in_the_header_is_enough() {
        let cases = [
            ("alg", json!("none"), TokenFault::Algorithm),
            ("alg", json!("nOnE"), TokenFault::Algorithm),
            ("alg", json!("HS256"), TokenFault::Algorithm),
            ("alg", json!("RS384"), TokenFault::Algorithm),
            ("alg", json!("PS256"), TokenFault::Algorithm),
            ("alg", json!("rs256"), TokenFault::Algorithm),
            ("alg", json!(["RS256"]), TokenFault::Algorithm),
            ("alg", Value::Null, TokenFault::Algorithm),
            ("nonce", json!("x"), TokenFault::MeantForGraph),
            ("crit", json!(["exp"]), TokenFault::Header),
            ("crit", json!([]), TokenFault::Header),
            ("b64", json!(false), TokenFault::Header),
            ("zip", json!("DEF"), TokenFault::Header),
            ("cty", json!("JWT"), TokenFault::Header),
            ("typ", json!("at+jwt"), TokenFault::Header),
            ("typ", json!("pop"), TokenFault::KeyBound),
            ("typ", json!("PoP"), TokenFault::KeyBound),
            ("typ", json!("dpop+jwt"), TokenFault::KeyBound),
            ("typ", json!("application/dpop+jwt"), TokenFault::KeyBound),
            ("typ", json!("Application/POP"), TokenFault::KeyBound),
            ("cnf", json!({"kid": "k"}), TokenFault::KeyBound),
            ("typ", json!(1), TokenFault::Header),
            ("kid", json!(1), TokenFault::KeyId),
            ("kid", json!(""), TokenFault::KeyId),
            ("kid", json!("k".repeat(257)), TokenFault::KeyId),
            ("kid", Value::Null, TokenFault::KeyId),
        ];
        for (name, value, fault) in cases {
            let mut header = header();
            header[name] = value.clone();
            assert_eq!(decode_parts(&header, &claims()).unwrap_err(), fault, "{name}: {value}");
        }
    }

    #[test]
    fn one_wrong_thing_in_the_claims_is_enough() {
        let cases = [
            ("ver", json!("3.0")),
            ("ver", json!(2.0)),
            ("iss", json!(["issuer"])),
            ("aud", json!(["audience"])),
            ("exp", json!("100")),
            ("exp", json!(100.5)),
            ("exp", json!(-1)),
            ("exp", Value::Null),
            ("nbf", json!("10")),
            ("tid", json!(1)),
            ("scp", json!(["a"])),
            ("idtyp", json!(true)),
        ];
        for (name, value) in cases {
            let mut claims = claims();
            claims[name] = value.clone();
            assert_eq!(decode_parts(&header(), &claims).unwrap_err(), TokenFault::Claim(name), "{name}: {value}");
        }
        for name in ["ver", "iss", "aud", "exp", "tid"] {
            let mut claims = claims();
            claims.as_object_mut().unwrap().remove(name);
            assert_eq!(decode_parts(&header(), &claims).unwrap_err(), TokenFault::Claim(name), "without {name}");
        }
        for (other, name) in [("TID", "tid"), ("Aud", "aud"), ("ISS", "iss"), ("Scp", "scp"), ("CNF", "cnf")] {
            let mut claims = claims();
            claims[other] = json!("x");
            assert_eq!(decode_parts(&header(), &claims).unwrap_err(), TokenFault::Claim(name), "with {other}");
        }
    }

    #[test]
    fn the_form_is_exact() {
        let (header, claims) = (part(&header().to_string()), part(&claims().to_string()));
        let twice = part(r#"{"alg":"RS256","alg":"RS256","kid":"k"}"#);
        let cases = [
            ("..".to_owned(), TokenFault::NotAJwt),
            ("a.b".to_owned(), TokenFault::NotAJwt),
            (format!("{header}.{claims}"), TokenFault::NotAJwt),
            (format!("{header}.{claims}.AAAA."), TokenFault::NotAJwt),
            (format!(".{header}.{claims}.AAAA"), TokenFault::NotAJwt),
            (format!("{header}..{claims}.AAAA.x"), TokenFault::Encrypted),
            (format!("{header}.{claims}.AAA="), TokenFault::NotAJwt),
            (format!("{header}.{claims}.AA+A"), TokenFault::NotAJwt),
            (format!("{header}.{claims}.AA/A"), TokenFault::NotAJwt),
            // The last character's two spare bits are not zero.
            (format!("{header}.{claims}.AAB"), TokenFault::NotAJwt),
            (format!("{header}.{claims}.A"), TokenFault::NotAJwt),
            (format!("{twice}.{claims}.AAAA"), TokenFault::NotAJwt),
            (format!("{header}.{}.AAAA", part("[]")), TokenFault::NotAJwt),
            (".".repeat(10_000), TokenFault::NotAJwt),
        ];
        for (token, fault) in cases {
            assert_eq!(decode(&token).unwrap_err(), fault, "{token}");
        }
    }

    #[test]
    fn a_token_that_is_bound_to_a_key_is_refused_in_any_form() {
        for confirmation in [
            json!({"kid": "k", "xms_ksl": "sw"}),
            json!({"jwk": {"kty": "RSA"}}),
            json!({"jkt": "thumbprint"}),
            json!({"x5t#S256": "thumbprint"}),
            json!({"tbh": "hash"}),
            json!({}),
            json!("text"),
            json!([]),
            json!(0),
            json!(false),
            Value::Null,
        ] {
            let mut claims = claims();
            claims["cnf"] = confirmation.clone();
            assert_eq!(decode_parts(&header(), &claims).unwrap_err(), TokenFault::KeyBound, "{confirmation}");
        }
    }

    #[test]
    fn each_kind_of_token_is_recognised() {
        use Subject::{Application, Person};
        // What differs from a person's v2 access token; null removes a claim.
        let cases = [
            (json!({}), Ok(Person)),
            (json!({"roles": ["Reader"]}), Ok(Person)),
            // An access token of a person that holds no scope.
            (json!({"scp": null, "name": "Ada"}), Ok(Person)),
            (json!({"scp": "", "preferred_username": "ada@example.com"}), Ok(Person)),
            (json!({"scp": null, "azp": null, "appid": "client", "unique_name": "ada@example.com"}), Ok(Person)),
            (json!({"scp": null, "idtyp": "user"}), Ok(Person)),
            (json!({"scp": null, "idtyp": "user", "roles": ["Reader"]}), Ok(Person)),
            // Client credentials.
            (json!({"scp": null, "roles": ["Reader"]}), Ok(Application)),
            (json!({"scp": null}), Ok(Application)),
            (json!({"scp": null, "azp": null, "azpacr": "1"}), Ok(Application)),
            (json!({"scp": null, "azp": null, "appid": "client", "appidacr": "2"}), Ok(Application)),
            (json!({"idtyp": "app"}), Ok(Application)),
            (json!({"scp": null, "azp": null, "idtyp": "app"}), Ok(Application)),
            (json!({"idtyp": "app", "roles": ["Reader"]}), Ok(Application)),
            // ID tokens of v2 and v1, from the token endpoint and the authorization endpoint.
            (json!({"scp": null, "azp": null, "name": "Ada", "rh": "1.", "uti": "u"}), Err(TokenFault::IdToken)),
            (json!({"scp": null, "azp": null, "roles": ["Reader"]}), Err(TokenFault::IdToken)),
            (json!({"scp": null, "azp": null, "ver": "1.0", "unique_name": "Ada"}), Err(TokenFault::IdToken)),
            (json!({"scp": null, "azp": null, "nonce": "n"}), Err(TokenFault::IdToken)),
            (json!({"scp": null, "nonce": "n", "name": "Ada"}), Err(TokenFault::IdToken)),
            (json!({"scp": null, "at_hash": "h", "roles": ["Reader"]}), Err(TokenFault::IdToken)),
            (json!({"scp": null, "c_hash": "h"}), Err(TokenFault::IdToken)),
        ];
        for (change, subject) in cases {
            let mut claims = claims();
            for (name, value) in change.as_object().unwrap() {
                if value.is_null() {
                    claims.as_object_mut().unwrap().remove(name);
                } else {
                    claims[name] = value.clone();
                }
            }
            let token = decode_parts(&header(), &claims);
            assert_eq!(token.map(|token| token.unverified_claims().subject), subject, "{change}");
        }
    }
}
