//! How requests from outside are forwarded.

use http::HeaderName;

use entra_obo::settings::{
    address,
    reader::{Reader, list, on_or_off},
};

use crate::settings::downstream_apis::DownstreamApi;

/// How requests from outside are forwarded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct GatewaySettings {
    /// `scheme://host[:port]` of the app.
    pub(crate) upstream: String,
    /// Paths that need no token.
    pub(crate) public_paths: Vec<PublicPath>,
    /// Claims that the app receives in separate headers.
    pub(crate) claims_to_headers: Vec<ClaimHeader>,
    /// The downstream API whose token the app receives with each request.
    pub(crate) access_token_for: Option<DownstreamApi>,
    /// Whether the app receives the caller's own token.
    pub(crate) forward_authorization: bool,
}

impl GatewaySettings {
    /// Whether `upstream` has this authority, so that requests sent to it were forwarded from outside.
    #[must_use]
    pub(crate) fn is_upstream(&self, authority: &str) -> bool {
        let authority = authority.strip_suffix(":80").unwrap_or(authority);
        self.upstream.split_once("://").is_some_and(|(_, upstream)| upstream.eq_ignore_ascii_case(authority))
    }
}

/// A path that needs no token, or all paths below one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum PublicPath {
    /// This path only.
    Exactly(String),
    /// All paths that begin with this prefix, which ends with a slash.
    Below(String),
}

impl PublicPath {
    #[must_use]
    pub(crate) fn matches(&self, path: &str) -> bool {
        match self {
            Self::Exactly(known) => known == path,
            Self::Below(known) => path.starts_with(known.as_str()),
        }
    }

    fn parse(text: &str) -> Result<Self, String> {
        if !text.starts_with('/') {
            return Err("does not begin with a slash".to_owned());
        }
        let (path, below) = match text.strip_suffix('*') {
            Some(path) if path.ends_with('/') => (path, true),
            Some(_) => return Err("has a * that does not follow its last slash".to_owned()),
            None => (text, false),
        };
        let is_plain = path.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"/-._~".contains(&byte))
            && !path.contains("//")
            && !path.split('/').any(|segment| matches!(segment, "." | ".."));
        if !is_plain {
            return Err(
                "has characters other than letters, digits, - . _ ~ and single slashes, or a dot segment".to_owned()
            );
        }
        if path == "/" && below {
            return Err(
                "is every path, which would leave the app unprotected; list those that need no token".to_owned()
            );
        }
        Ok(if below { Self::Below(path.to_owned()) } else { Self::Exactly(path.to_owned()) })
    }
}

/// A claim that the app receives in a header.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ClaimHeader {
    /// The header.
    pub(crate) header: HeaderName,
    /// The claim.
    pub(crate) claim: String,
}

impl ClaimHeader {
    /// `x-name=claim`. A header of another kind could change how a request is understood, and one with other characters than
    /// these could not be distinguished from those that a caller disguises.
    fn parse(text: &str) -> Result<Self, String> {
        let (header, claim) =
            text.split_once('=').ok_or("has no = between header and claim; write it as x-user=oid")?;
        let header = HeaderName::try_from(header).map_err(|_| "has no valid header name before its =")?;
        let name = header.as_str();
        let is_plain = name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
        if !name.starts_with("x-") || !is_plain {
            return Err(
                "has a header that does not begin with x-, or has characters other than letters, digits and hyphens"
                    .to_owned(),
            );
        }
        if ["x-ms-", "x-forwarded-for", "x-forwarded-host", "x-forwarded-proto"].iter().any(|own| name.starts_with(own))
        {
            return Err("has a header that the gateway itself sets; choose another name".to_owned());
        }
        if claim.is_empty() {
            return Err("has no claim after its =".to_owned());
        }
        Ok(Self { header, claim: claim.to_owned() })
    }
}

/// Reads these settings; those for forwarding must be empty where nothing is forwarded. `apis` are missing where they have
/// faults of their own.
pub(super) fn read(reader: &mut Reader, apis: Option<&[DownstreamApi]>) -> Option<Option<GatewaySettings>> {
    let upstream = reader.parse("upstream", |text| match text {
        "" => Ok(None),
        text => address::service(text).map(Some),
    });
    let public_paths = reader.parse("public_paths", |text| list(text, PublicPath::parse));
    let claims_to_headers = reader.parse("claims_to_headers", |text| list(text, ClaimHeader::parse));
    let access_token_for = reader.parse("access_token_for", |text| match apis {
        _ if text.is_empty() => Ok(None),
        None => Ok(None),
        Some(apis) => match apis.iter().find(|api| api.name.eq_ignore_ascii_case(text)) {
            Some(api) => Ok(Some(api.clone())),
            None => Err("is the name of no API in downstream_apis".to_owned()),
        },
    });
    let forward_authorization = reader.parse("forward_authorization", on_or_off);
    if upstream == Some(None) {
        for (name, is_set) in [
            ("public_paths", public_paths.as_ref().is_some_and(|paths| !paths.is_empty())),
            ("claims_to_headers", claims_to_headers.as_ref().is_some_and(|headers| !headers.is_empty())),
            ("access_token_for", access_token_for.as_ref().is_some_and(Option::is_some)),
        ] {
            if is_set {
                reader.blame(name, "is for requests that are forwarded; set upstream too, or leave this empty");
            }
        }
    }
    let (public_paths, claims_to_headers) = (public_paths?, claims_to_headers?);
    let (access_token_for, forward_authorization) = (access_token_for?, forward_authorization?);
    let gateway = |upstream| GatewaySettings {
        upstream,
        public_paths,
        claims_to_headers,
        access_token_for,
        forward_authorization,
    };
    Some(upstream?.map(gateway))
}

#[cfg(test)]
mod tests {
    use super::{ClaimHeader, PublicPath};

    #[test]
    fn public_paths_are_plain() {
        for (text, path, is_public) in [
            ("/health", "/health", true),
            ("/health", "/health/", false),
            ("/health", "/healthy", false),
            ("/static/*", "/static/a/b.css", true),
            ("/static/*", "/static", false),
            ("/static/*", "/statics/a", false),
        ] {
            assert_eq!(PublicPath::parse(text).unwrap().matches(path), is_public, "{text} {path}");
        }
        for text in ["", "health", "/*", "/a*", "/a/*/b", "/a//b", "/a/../b", "/%61", "/a;b", "/a?b"] {
            assert!(PublicPath::parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn claims_go_into_headers_that_mean_nothing_else() {
        assert_eq!(ClaimHeader::parse("X-User=oid").unwrap().header, "x-user");
        for text in [
            "x-user",
            "user=oid",
            "authorization=oid",
            "x_user=oid",
            "x-user.id=oid",
            "x-ms-client-principal=oid",
            "x-user=",
            "x y=oid",
            "x-forwarded-host=oid",
        ] {
            assert!(ClaimHeader::parse(text).is_err(), "{text}");
        }
    }
}
