//! Which sign-ins were finished: each can be, once.
//!
//! A pending sign-in is a cookie of its browser, and a cookie can be kept and sent again. So the instance remembers what was
//! used, and so does the store that all instances share, both by a digest that only this app can make. A store that fails
//! keeps nobody out: what the instance remembers decides alone, and a kept cookie is then good for one call to the token
//! endpoint by each instance.
//!
//! The store's entries cannot be compared and swapped: Spin 4.1 offers that by an interface without time limits only, and
//! on SQLite it overwrites an entry that another instance has just made. So instances decide by reading and writing alone,
//! by the first half of L. Lamport, "A fast mutual exclusion algorithm" (1987): of several that claim the same sign-in at the
//! same moment at most one goes on, and one that is alone always does.

use std::{cell::RefCell, time::Duration};

use crate::{
    host::{Host, StoreFault, UnixTime},
    log_line,
    session::sealed,
    settings::Settings,
    sign_in::pending,
};

/// How many sign-ins an instance remembers, the last ones: some kB, and more than one finishes in a quarter of an hour
/// at one a second.
const MOST_IN_MEMORY: usize = 1024;

/// The store does not grow: it has this many places, each for [`MOST_IN_PLACE`] sign-ins of the last quarter of an hour.
/// Nobody but this app knows which place is whose, so to displace one on purpose takes as many others as all can hold.
const PLACES: u16 = 1024;

/// See [`PLACES`]. At a thousand sign-ins in a quarter of an hour one in a million finds its place full.
const MOST_IN_PLACE: usize = 8;

/// The longest wait for one answer of the store; a sign-in takes four.
const TIMEOUT: Duration = Duration::from_millis(250);

/// What stands for a sign-in.
type Mark = [u8; 16];

/// What this instance remembers.
#[derive(Debug, Default)]
pub struct UsedSignIns(RefCell<Marks>);

impl UsedSignIns {
    /// Whether the sign-in that began with `state` is used for the first time, as far as instance and store know. From
    /// now on it was.
    pub async fn is_first_use<H: Host>(&self, host: &H, settings: &Settings, state: &str) -> bool {
        let purpose = settings.app_client_id.as_bytes();
        let Some(digest) = sealed::digest::<18>(&settings.session_secret, purpose, state.as_bytes()) else {
            return false;
        };
        let [mark @ .., high, low] = digest;
        if !self.0.borrow_mut().add(mark, host.now(), MOST_IN_MEMORY) {
            return false;
        }
        let place = u16::from_be_bytes([high, low]) % PLACES;
        let place = format!("profile-app/{}/{place}", settings.app_client_id);
        claim(host, &place, mark).await.unwrap_or_else(|StoreFault(reason)| {
            log_line::store_fault(host, &reason);
            true
        })
    }
}

/// Whether nobody else has claimed the sign-in in the store.
async fn claim<H: Host>(host: &H, place: &str, mark: Mark) -> Result<bool, StoreFault> {
    let (last_claim, used) = (format!("{place}/last-claim"), format!("{place}/used"));
    let own_claim = [mark, host.random()].concat();
    host.write_store(&last_claim, &own_claim, TIMEOUT).await?;
    let mut marks = Marks::from_bytes(&host.read_store(&used, TIMEOUT).await?.unwrap_or_default());
    if !marks.add(mark, host.now(), MOST_IN_PLACE) {
        return Ok(false);
    }
    host.write_store(&used, &marks.to_bytes(), TIMEOUT).await?;
    let last = host.read_store(&last_claim, TIMEOUT).await?.unwrap_or_default();
    // The claim of another sign-in with the same place is no reason to refuse this one.
    Ok(last == own_claim || !last.starts_with(&mark))
}

/// Used sign-ins and when they were used, the earliest first.
#[derive(Debug, Default, PartialEq)]
struct Marks(Vec<(Mark, UnixTime)>);

impl Marks {
    /// Adds a sign-in, unless it is among them. Those that have expired make room, then the earliest.
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

    /// Whatever does not look like marks is left out.
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
    use super::{MOST_IN_PLACE, Mark, Marks};
    use crate::host::UnixTime;

    fn mark(number: u8) -> Mark {
        [number; 16]
    }

    #[test]
    fn a_mark_is_added_once_until_it_has_expired_or_is_displaced() {
        let mut marks = Marks::default();
        assert!(marks.add(mark(1), UnixTime(1000), 3));
        assert!(!marks.add(mark(1), UnixTime(1899), 3));
        assert!(marks.add(mark(1), UnixTime(1900), 3), "it has expired");
        assert!(marks.add(mark(2), UnixTime(1901), 3) && marks.add(mark(3), UnixTime(1902), 3));
        assert!(marks.add(mark(4), UnixTime(1903), 3));
        assert!(marks.add(mark(1), UnixTime(1904), 3), "it was the earliest");
        assert!(!marks.add(mark(3), UnixTime(1905), 3) && !marks.add(mark(4), UnixTime(1905), 3));
        // A clock that was set back makes nothing new.
        assert!(!marks.add(mark(4), UnixTime(5), 3));
    }

    #[test]
    fn marks_come_back_from_bytes_and_others_bytes_are_bounded() {
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
