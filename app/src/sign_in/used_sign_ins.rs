//! Makes sure that each sign-in is used once.
//!
//! A pending sign-in is a cookie, and a browser can keep a cookie and send it again. So both the instance and the store that
//! all instances share remember the sign-ins that were used, as keyed digests that only this app can compute. If the store
//! fails, people still sign in: the memory of the instance decides alone, and a copied cookie then causes at most one call
//! to the token endpoint per instance.
//!
//! The store's entries are not compared and swapped: Spin 4.1 offers that only by an interface without time limits, and on
//! SQLite it overwrites an entry that another instance has just created. So instances decide by reads and writes alone, with
//! the first half of L. Lamport, "A fast mutual exclusion algorithm" (1987): of several that claim the same sign-in at the
//! same moment at most one succeeds, and one that is alone always succeeds.

use std::{cell::RefCell, time::Duration};

use entra_obo::{
    event_log,
    host::{Host, StoreFault, UnixTime},
    toolkit::{Elapsed, within},
};
use hkdf::Hkdf;
use sha2::Sha256;
use uuid::Uuid;

use super::pending;
use crate::{secret::Secret, settings::AppSettings};

/// How many sign-ins an instance remembers: the latest, in some kB. At one sign-in per second, fewer are used within their
/// lifetime of 15 minutes.
const MOST_IN_MEMORY: usize = 1024;

/// The store does not grow: it has this many places, each for [`MOST_IN_PLACE`] sign-ins of the last 15 minutes. Only this
/// app can compute the place of a sign-in, so to evict one on purpose takes as many others as all places can hold.
const PLACES: u16 = 1024;

/// See [`PLACES`]. At a thousand sign-ins in 15 minutes, one in a million finds its place full.
const MOST_IN_PLACE: usize = 8;

/// The longest wait for one operation of the store; a sign-in takes four.
const TIMEOUT: Duration = Duration::from_millis(250);

/// Changes whenever digests do.
const DIGEST_FORM: &[u8] = b"profile-app digest 2";

/// The digest of a sign-in.
type Mark = [u8; 16];

/// The memory of this instance.
#[derive(Debug, Default)]
pub struct UsedSignIns(RefCell<Marks>);

impl UsedSignIns {
    /// Whether the sign-in that began with `state` is used for the first time, as far as instance and store know. Both
    /// remember it.
    pub async fn is_first_use<H: Host>(&self, host: &H, settings: &AppSettings, state: &str) -> bool {
        let Some(digest) = digest(&settings.session_secret, settings.app_client_id, state) else { return false };
        let [mark @ .., high, low] = digest;
        if !self.0.borrow_mut().add(mark, host.now(), MOST_IN_MEMORY) {
            return false;
        }
        let place = u16::from_be_bytes([high, low]) % PLACES;
        let place = format!("profile-app/{}/{place}", settings.app_client_id);
        claim(host, &place, mark).await.unwrap_or_else(|StoreFault(reason)| {
            event_log::warn(host, "store", format!("a used sign-in could not be recorded: {reason}"));
            true
        })
    }
}

/// The mark of a sign-in and its place, as only the holder of `secret` can compute them.
fn digest(secret: &Secret, app: Uuid, state: &str) -> Option<[u8; 18]> {
    let mut digest = [0; 18];
    let keys = Hkdf::<Sha256>::new(Some(DIGEST_FORM), secret.expose().as_bytes());
    keys.expand_multi_info(&[app.as_bytes(), state.as_bytes()], &mut digest).ok()?;
    Some(digest)
}

/// Waits for one operation of the store.
async fn in_time<H: Host, T>(host: &H, work: impl Future<Output = Result<T, StoreFault>>) -> Result<T, StoreFault> {
    within(host, TIMEOUT, work).await.unwrap_or_else(|Elapsed| Err(StoreFault("no answer in time".to_owned())))
}

/// Whether nobody else has claimed the sign-in in the store.
async fn claim<H: Host>(host: &H, place: &str, mark: Mark) -> Result<bool, StoreFault> {
    let (last_claim, used) = (format!("{place}/last-claim"), format!("{place}/used"));
    let own_claim = [mark, host.random()].concat();
    in_time(host, host.write_store(&last_claim, &own_claim)).await?;
    let mut marks = Marks::from_bytes(&in_time(host, host.read_store(&used)).await?.unwrap_or_default());
    if !marks.add(mark, host.now(), MOST_IN_PLACE) {
        return Ok(false);
    }
    in_time(host, host.write_store(&used, &marks.to_bytes())).await?;
    let last = in_time(host, host.read_store(&last_claim)).await?.unwrap_or_default();
    // The claim of another sign-in in the same place does not matter.
    Ok(last == own_claim || !last.starts_with(&mark))
}

/// Used sign-ins and when they were used, the earliest first.
#[derive(Debug, Default, PartialEq)]
struct Marks(Vec<(Mark, UnixTime)>);

impl Marks {
    /// Adds a sign-in and returns true, unless it is already there. Expired ones make room first, then the earliest.
    fn add(&mut self, mark: Mark, now: UnixTime, most: usize) -> bool {
        self.0.retain(|(_, used_at)| now.since(*used_at) < pending::LIFETIME.as_secs());
        if self.0.iter().any(|(own, _)| *own == mark) {
            return false;
        }
        let surplus = self.0.len().saturating_add(1).saturating_sub(most);
        self.0.drain(..surplus);
        self.0.push((mark, now));
        true
    }

    /// Parses marks, and leaves out what has another form.
    fn from_bytes(bytes: &[u8]) -> Self {
        let marks = bytes.as_chunks::<24>().0.iter().take(MOST_IN_PLACE).filter_map(|entry| {
            let (mark, used_at) = entry.split_first_chunk()?;
            Some((*mark, UnixTime(u64::from_be_bytes(*used_at.first_chunk()?))))
        });
        Self(marks.collect())
    }

    fn to_bytes(&self) -> Vec<u8> {
        self.0.iter().flat_map(|(mark, UnixTime(used_at))| mark.iter().copied().chain(used_at.to_be_bytes())).collect()
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::{MOST_IN_PLACE, Mark, Marks, digest};
    use crate::secret::Secret;
    use entra_obo::host::UnixTime;

    #[test]
    fn a_digest_depends_on_secret_app_and_state() {
        let (secret, another) = (Secret::new("secret".to_owned()), Secret::new("another".to_owned()));
        let expected = digest(&secret, Uuid::nil(), "state").unwrap();
        assert_eq!(digest(&secret, Uuid::nil(), "state"), Some(expected));
        for other in [
            digest(&another, Uuid::nil(), "state"),
            digest(&secret, Uuid::max(), "state"),
            digest(&secret, Uuid::nil(), "statf"),
        ] {
            assert_ne!(other.unwrap(), expected);
        }
    }

    fn mark(number: u8) -> Mark {
        [number; 16]
    }

    #[test]
    fn a_mark_is_added_once_until_it_expires_or_is_evicted() {
        let mut marks = Marks::default();
        assert!(marks.add(mark(1), UnixTime(1000), 3));
        assert!(!marks.add(mark(1), UnixTime(1899), 3));
        assert!(marks.add(mark(1), UnixTime(1900), 3), "it has expired");
        assert!(marks.add(mark(2), UnixTime(1901), 3) && marks.add(mark(3), UnixTime(1902), 3));
        assert!(marks.add(mark(4), UnixTime(1903), 3));
        assert!(marks.add(mark(1), UnixTime(1904), 3), "it was the earliest");
        assert!(!marks.add(mark(3), UnixTime(1905), 3) && !marks.add(mark(4), UnixTime(1905), 3));
        // A clock that is set back makes no mark new.
        assert!(!marks.add(mark(4), UnixTime(5), 3));
    }

    #[test]
    fn marks_survive_a_round_trip_and_foreign_bytes_are_bounded() {
        let mut marks = Marks::default();
        for number in 0..20 {
            assert!(marks.add(mark(number), UnixTime(7), MOST_IN_PLACE));
        }
        assert_eq!(marks.to_bytes().len(), 24 * MOST_IN_PLACE);
        assert_eq!(Marks::from_bytes(&marks.to_bytes()), marks);
        assert_eq!(Marks::from_bytes(b"too short for one"), Marks::default());
        assert_eq!(Marks::from_bytes(&[7; 1_000_000]).0.len(), MOST_IN_PLACE);
    }
}
