//! The table of acceptable responses while an upstream is broken.

use super::{fault::FaultKind, upstream::Upstream};

/// Whose token a caller sends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Token {
    Valid,
    /// With the id of a published key, but signed with another key.
    Forged,
}

/// The codes that a response may have; `profile` is the profile itself.
pub(super) fn codes(upstream: Upstream, fault: FaultKind, token: Token) -> &'static [&'static str] {
    match (upstream, token) {
        // Without keys, no token can be verified.
        (Upstream::Configuration | Upstream::Keys, _) | (Upstream::Token, Token::Valid) => of_entra(fault),
        (Upstream::Token | Upstream::Graph | Upstream::Store, Token::Forged) => &["invalid_token"],
        (Upstream::Graph, Token::Valid) => of_graph(fault),
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
        FaultKind::Refused => &["entra_unreachable", "server_unavailable"],
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
