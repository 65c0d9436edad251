//! Those whose new tokens a downstream API keeps refusing.

use std::{hash::Hash, num::NonZeroUsize, time::Duration};

use lru::LruCache;

use crate::{locked::Locked, upstream::back_off::BackOff};

/// For how long no further exchange is made for those whose new token an API has refused too. Its reasons, such as the
/// person's location or a revoked session, last longer, and Entra takes exchanges in a row for a loop (AADSTS50196).
const PAUSE: Duration = Duration::from_secs(15);

/// How many are remembered. Each is a caller whose token was verified, or the application itself.
const MAX_HOLDERS: NonZeroUsize = NonZeroUsize::new(1024).unwrap();

/// An API's refusals of new tokens, by whose tokens they were. They hold for a while.
#[derive(Debug)]
pub struct HeldBack<K: Hash + Eq, R>(Locked<LruCache<K, BackOff<R>>>);

impl<K: Hash + Eq, R> Default for HeldBack<K, R> {
    fn default() -> Self {
        Self(Locked::new(LruCache::new(MAX_HOLDERS)))
    }
}

impl<K: Hash + Eq, R: Clone> HeldBack<K, R> {
    /// Notes that the API has refused a new token, at this moment of [`crate::host::Host::elapsed`].
    pub fn note(&self, holder: K, refusal: R, now: Duration) {
        let mut holders = self.0.lock();
        holders.get_or_insert_mut(holder, BackOff::default).failed(refusal, now, Some(PAUSE));
    }

    /// The refusal, while another exchange would end in the same way.
    #[must_use]
    pub fn refusal(&self, holder: &K, now: Duration) -> Option<R> {
        self.0.lock().get(holder)?.pausing(now, Duration::ZERO).map(|pause| pause.error)
    }
}
