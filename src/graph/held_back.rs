//! Callers whose tokens Graph keeps refusing.

use std::{num::NonZeroUsize, time::Duration};

use lru::LruCache;

use entra_obo::toolkit::{AssertionDigest, Locked, back_off::BackOff};

use crate::graph::resource::GraphRefusal;

/// For how long no further exchange is made for a caller whose new token Graph has refused too. Graph's reasons, such as
/// the person's location or a revoked session, last longer, and Entra takes exchanges in a row for a loop (AADSTS50196).
const PAUSE: Duration = Duration::from_secs(15);

/// How many are remembered. Each is a caller whose token was verified.
const MAX_CALLERS: NonZeroUsize = NonZeroUsize::new(1024).unwrap();

/// Graph's refusals of new tokens, by the callers' own tokens. They are repeated for a while.
#[derive(Debug)]
pub struct HeldBack(Locked<LruCache<AssertionDigest, BackOff<GraphRefusal>>>);

impl Default for HeldBack {
    fn default() -> Self {
        Self(Locked::new(LruCache::new(MAX_CALLERS)))
    }
}

impl HeldBack {
    /// Repeats `refusal` to the bearers of this token for a while, because another exchange would end in the same way.
    pub fn note(&self, digest: AssertionDigest, refusal: &GraphRefusal, now: Duration) {
        let mut callers = self.0.lock();
        callers.get_or_insert_mut(digest, BackOff::default).failed(refusal.clone(), now, Some(PAUSE));
    }

    /// The refusal to repeat, if there is one.
    #[must_use]
    pub fn refusal(&self, digest: &AssertionDigest, now: Duration) -> Option<GraphRefusal> {
        self.0.lock().get(digest)?.pausing(now, Duration::ZERO).map(|pause| pause.error)
    }
}
