//! The keys as Entra publishes them: the metadata document, then the key set that it names.

use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, Request, Response, StatusCode, header};

use crate::{
    caller::unverified_token::TokenVersion,
    context::Context,
    host::Host,
    keys::{
        known::KnownKeys,
        openid_configuration::{IssuerTemplate, OpenIdConfiguration, address},
        stored::{MAX_FRESH_SECONDS, Record},
    },
    policy::Policy,
    upstream::call::{self, ENTRA, FaultKind, Step, UpstreamFault},
};

/// The metadata document is a few kilobytes, a key set some ten; both get room to grow.
const METADATA: Step =
    Step { service: ENTRA, name: "OpenID configuration", timeout: Duration::from_secs(5), max_body: 128 * 1024 };
pub(crate) const KEY_SET: Step =
    Step { service: ENTRA, name: "key set", timeout: Duration::from_secs(5), max_body: 512 * 1024 };

/// The least that `Cache-Control: max-age` may ask for.
const MIN_FRESH_SECONDS: u64 = 300;

/// Fetches the keys for tokens of `version`, and makes the record of them that the store keeps.
pub(crate) async fn fetch<H: Host>(
    context: &Context<H>,
    policy: &Policy,
    version: TokenVersion,
) -> Result<(KnownKeys, Record), UpstreamFault> {
    let configuration = fetch_configuration(context, policy, version).await?;
    let (headers, key_set) = fetch_key_set(context, &configuration).await?;
    let fetched = context.host.now();
    let fresh_until = fetched.plus(fresh_seconds(&headers));
    let unusable = |words| KEY_SET.unusable(words);
    let mut record = Record::new(configuration, fetched, fresh_until, key_set);
    let mut known = record.known(version).map_err(unusable)?;
    // The v1 set for several tenants does not say which key signs for whom; the v2 set does.
    if version == TokenVersion::V1 && known.keys.lack_issuers() {
        let v2 = fetch_configuration(context, policy, TokenVersion::V2).await?;
        let (_, v2_key_set) = fetch_key_set(context, &v2).await?;
        record = record.with_issuers_of(v2_key_set);
        known = record.known(version).map_err(unusable)?;
    }
    Ok((known, record))
}

async fn fetch_key_set<H: Host>(
    context: &Context<H>,
    configuration: &OpenIdConfiguration,
) -> Result<(HeaderMap, String), UpstreamFault> {
    let (head, body) = get(context, KEY_SET, &configuration.keys_address).await?.into_parts();
    let key_set = String::from_utf8(body.into()).map_err(|_| KEY_SET.unusable("the key set is not UTF-8"))?;
    Ok((head.headers, key_set))
}

async fn fetch_configuration<H: Host>(
    context: &Context<H>,
    policy: &Policy,
    version: TokenVersion,
) -> Result<OpenIdConfiguration, UpstreamFault> {
    let authority = &policy.authority_host;
    let segment = policy.tenancy.authority_segment();
    let published = |response: Response<Bytes>| {
        OpenIdConfiguration::parse(response.body(), authority).map_err(|words| METADATA.unusable(words))
    };
    match get(context, METADATA, &address(authority, &segment, version)).await {
        // An authority without v1 documents still signs v1 tokens with the keys of its v2 document, as Microsoft's own
        // validators assume; their issuer is then the documented one.
        Err(UpstreamFault { kind: FaultKind::Unusable(_), .. }) if version == TokenVersion::V1 => {
            let v2 = address(authority, &segment, TokenVersion::V2);
            let configuration = published(get(context, METADATA, &v2).await?)?;
            Ok(OpenIdConfiguration { issuer: IssuerTemplate::of_v1_tokens(authority), ..configuration })
        }
        response => published(response?),
    }
}

async fn get<H: Host>(context: &Context<H>, step: Step, address: &str) -> Result<Response<Bytes>, UpstreamFault> {
    let mut request = Request::get(address)
        .header(header::ACCEPT, "application/json")
        .body(Bytes::new())
        .map_err(|_| step.unusable("the address is not a URL"))?;
    context.correlation.add_to(request.headers_mut());
    let response = call::fetch(&context.host, context.deadline, step, request).await?;
    match response.status() {
        StatusCode::OK => Ok(response),
        status if call::is_transient(status) || status == StatusCode::TOO_MANY_REQUESTS => {
            let wait = call::retry_after(response.headers(), context.host.now());
            Err(step.fault(FaultKind::Unavailable(status, wait)))
        }
        status => Err(step.unusable(format!("status {status}"))),
    }
}

fn fresh_seconds(headers: &HeaderMap) -> u64 {
    headers
        .get_all(header::CACHE_CONTROL)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .find_map(|directive| directive.trim().strip_prefix("max-age=")?.parse().ok())
        .unwrap_or(MAX_FRESH_SECONDS)
        .clamp(MIN_FRESH_SECONDS, MAX_FRESH_SECONDS)
}
