//! The table of acceptable responses while an upstream is broken.

use cargo_dev::commands::deep::Subject;

use super::{fault::FaultKind, upstream::Upstream};

/// Whose token a caller sends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Token {
    Valid,
    /// With the id of a published key, but signed with another key.
    Forged,
}

/// From the app in front of the sidecar: the host denies its calls too while it cannot read the vault.
const PROBE: &str = "502 without a code";

/// The codes that a response may have; `profile` is the profile itself.
pub(super) fn codes(subject: Subject, upstream: Upstream, fault: FaultKind, token: Token) -> &'static [&'static str] {
    match (upstream, token) {
        // Without keys, no token can be verified.
        (Upstream::Configuration | Upstream::Keys, _) | (Upstream::Token, Token::Valid) => of_entra(fault),
        (Upstream::Token | Upstream::Graph | Upstream::Store | Upstream::App, Token::Forged) => &["invalid_token"],
        (Upstream::Graph, Token::Valid) if subject == Subject::Sidecar => through_the_sidecar(fault),
        (Upstream::Graph, Token::Valid) => of_graph(fault),
        (Upstream::App, Token::Valid) => of_app(fault),
        // The host denies every call while it cannot read the vault.
        (Upstream::Vault, Token::Valid) => &["server_unavailable", "request_timeout"],
        (Upstream::Vault, Token::Forged) => &["server_unavailable", "request_timeout", "invalid_token"],
        // The store only saves calls.
        (Upstream::Store, Token::Valid) => &["profile"],
    }
}

fn of_entra(fault: FaultKind) -> &'static [&'static str] {
    match fault {
        // The host gets its token for the vault from the same service.
        FaultKind::Refused => &["entra_unreachable", "server_unavailable", PROBE],
        FaultKind::ResetBeforeHead | FaultKind::ResetMidBody => &["entra_unreachable"],
        FaultKind::NotHttp => &["entra_unreachable", "entra_unusable_answer"],
        FaultKind::Silence | FaultKind::HeadThenSilence | FaultKind::Drip => &["entra_timeout", "request_timeout"],
        FaultKind::Error => &["entra_unavailable", "entra_unusable_answer"],
        FaultKind::Unavailable => &["entra_unavailable"],
        FaultKind::NotFound
        | FaultKind::Html
        | FaultKind::Truncated
        | FaultKind::Empty
        | FaultKind::TenMegabytes
        | FaultKind::Redirect => &["entra_unusable_answer"],
    }
}

fn of_graph(fault: FaultKind) -> &'static [&'static str] {
    match fault {
        FaultKind::Refused | FaultKind::ResetBeforeHead | FaultKind::ResetMidBody => &["graph_unreachable"],
        FaultKind::NotHttp => &["graph_unreachable", "graph_unusable_answer"],
        FaultKind::Silence | FaultKind::HeadThenSilence | FaultKind::Drip => &["graph_timeout", "request_timeout"],
        FaultKind::Error => &["graph_unavailable", "graph_unusable_answer"],
        FaultKind::Unavailable => &["graph_unavailable"],
        FaultKind::NotFound => &["graph_not_found", "graph_unusable_answer"],
        FaultKind::Html | FaultKind::Truncated | FaultKind::Empty | FaultKind::TenMegabytes | FaultKind::Redirect => {
            &["graph_unusable_answer"]
        }
    }
}

/// What Graph answers is part of the sidecar's document, whatever it is.
fn through_the_sidecar(fault: FaultKind) -> &'static [&'static str] {
    match fault {
        FaultKind::Refused | FaultKind::ResetBeforeHead | FaultKind::ResetMidBody | FaultKind::NotHttp => {
            &["downstream_unreachable"]
        }
        FaultKind::Silence | FaultKind::HeadThenSilence | FaultKind::Drip => &["downstream_timeout", "request_timeout"],
        FaultKind::Error => &["Graph's 500"],
        FaultKind::Unavailable => &["Graph's 503"],
        FaultKind::NotFound => &["Graph's 404"],
        FaultKind::Html | FaultKind::Truncated | FaultKind::Empty | FaultKind::TenMegabytes => &["Graph's 200"],
        FaultKind::Redirect => &["Graph's 302", "Graph's 307"],
    }
}

/// What an app answers passes unchanged.
fn of_app(fault: FaultKind) -> &'static [&'static str] {
    match fault {
        FaultKind::Error => &["500 without a code"],
        FaultKind::Unavailable => &["503 without a code"],
        FaultKind::NotFound => &["404 without a code"],
        FaultKind::Html => &["200 without a code"],
        FaultKind::Redirect => &["302 without a code"],
        _ => &["app_unreachable"],
    }
}
