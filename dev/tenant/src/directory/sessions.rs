//! The Graph tokens issued so far: how many, and which are revoked.

use std::collections::{HashMap, HashSet};

use parking_lot::Mutex;

/// The Graph tokens issued so far. Each has a serial number, in an opaque claim.
#[derive(Default)]
pub(crate) struct Sessions(Mutex<State>);

#[derive(Default)]
struct State {
    issued: u64,
    /// Sessions that were ended, by their person's object id.
    ended: HashMap<String, String>,
    /// The serials of tokens issued in those sessions.
    issued_in_ended: HashSet<u64>,
    /// For each object id: tokens with this serial number or a lower one are revoked.
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

    /// Ends the first of this person's sessions in which a Graph token is issued. `serial` is that token's.
    pub(crate) fn end_first(&self, object_id: &str, session: &str, serial: u64) {
        let mut state = self.0.lock();
        let first = state.ended.entry(object_id.to_owned()).or_insert_with(|| session.to_owned());
        if first == session {
            state.issued_in_ended.insert(serial);
        }
    }

    /// Whether this session was ended.
    pub(crate) fn has_ended(&self, object_id: &str, session: &str) -> bool {
        self.0.lock().ended.get(object_id).is_some_and(|ended| ended == session)
    }

    /// Whether the session in which this token was issued was ended.
    pub(crate) fn was_issued_in_ended(&self, serial: u64) -> bool {
        self.0.lock().issued_in_ended.contains(&serial)
    }

    /// Revokes the Graph tokens that were issued for this person so far.
    pub(crate) fn revoke_all(&self, object_id: &str) {
        let mut state = self.0.lock();
        let issued = state.issued;
        state.revoked_up_to.insert(object_id.to_owned(), issued);
    }

    pub(crate) fn is_revoked(&self, object_id: &str, serial: u64) -> bool {
        self.0.lock().revoked_up_to.get(object_id).is_some_and(|last| serial <= *last)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_first_session_of_a_person_is_ended() {
        let sessions = Sessions::default();
        let (first, other) = (sessions.issue(), sessions.issue());
        assert!(!sessions.has_ended("x", "a"));
        sessions.end_first("x", "a", first);
        sessions.end_first("x", "b", other);
        assert!(sessions.has_ended("x", "a") && !sessions.has_ended("x", "b") && !sessions.has_ended("y", "a"));
        assert!(sessions.was_issued_in_ended(first) && !sessions.was_issued_in_ended(other));
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
