//! What is remembered of tokens that were issued: how many, and which ones no longer count.

use std::collections::{HashMap, HashSet};

use parking_lot::Mutex;

/// The Graph tokens issued so far. Each has a serial number, which stands in an opaque claim of it.
#[derive(Default)]
pub(crate) struct Sessions(Mutex<State>);

#[derive(Default)]
struct State {
    issued: u64,
    /// The `uti` of assertions that were exchanged for someone whose first Graph token is revoked.
    exchanged_assertions: HashSet<String>,
    revoked: HashSet<u64>,
    /// For each object id: tokens with this serial or a lower one no longer count.
    revoked_up_to: HashMap<String, u64>,
}

impl Sessions {
    /// The serial number of a Graph token that is issued now.
    pub(crate) fn issue(&self) -> u64 {
        let mut state = self.0.lock();
        state.issued += 1;
        state.issued
    }

    /// How many Graph tokens have been issued, which is the number of exchanges that succeeded.
    pub(crate) fn issued(&self) -> u64 {
        self.0.lock().issued
    }

    /// Revokes the token `serial` if it is the first one for this assertion.
    pub(crate) fn revoke_if_first(&self, assertion_id: &str, serial: u64) {
        let mut state = self.0.lock();
        if state.exchanged_assertions.insert(assertion_id.to_owned()) {
            state.revoked.insert(serial);
        }
    }

    /// Revokes the Graph tokens that were issued for this person so far.
    pub(crate) fn revoke_all(&self, object_id: &str) {
        let mut state = self.0.lock();
        let issued = state.issued;
        state.revoked_up_to.insert(object_id.to_owned(), issued);
    }

    pub(crate) fn is_revoked(&self, object_id: &str, serial: u64) -> bool {
        let state = self.0.lock();
        state.revoked.contains(&serial) || state.revoked_up_to.get(object_id).is_some_and(|last| serial <= *last)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_first_token_of_an_assertion_is_revoked() {
        let sessions = Sessions::default();
        let (first, second, other) = (sessions.issue(), sessions.issue(), sessions.issue());
        sessions.revoke_if_first("a", first);
        sessions.revoke_if_first("a", second);
        sessions.revoke_if_first("b", other);
        assert!(sessions.is_revoked("x", first));
        assert!(!sessions.is_revoked("x", second));
        assert!(sessions.is_revoked("x", other));
    }

    #[test]
    fn revoking_a_person_spares_later_tokens_and_other_people() {
        let sessions = Sessions::default();
        let before = sessions.issue();
        sessions.revoke_all("x");
        let after = sessions.issue();
        assert!(sessions.is_revoked("x", before) && !sessions.is_revoked("x", after));
        assert!(!sessions.is_revoked("y", before));
        assert_eq!(sessions.issued(), 2);
    }
}
