//! When the pieces of a message arrive.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use tokio::net::TcpStream;
use tokio_util::io::InspectReader;

/// A message whose end arrives this long after its beginning came in two pieces, and the sender's kernel kept the second one
/// until the first was acknowledged, which takes up to 40 ms. Otherwise pieces follow each other at once.
pub(super) const GAP: Duration = Duration::from_millis(10);

/// When the first and the last piece arrived that nobody has asked about yet.
#[derive(Clone, Debug, Default)]
pub(super) struct Arrival(Arc<Mutex<Option<(Instant, Instant)>>>);

impl Arrival {
    /// The stream, and what is known of the pieces that are read from it.
    pub(super) fn watch(stream: TcpStream) -> (InspectReader<TcpStream, impl FnMut(&[u8]) + Send>, Self) {
        let arrival = Self::default();
        let noted = arrival.clone();
        let stream = InspectReader::new(stream, move |piece: &[u8]| {
            if !piece.is_empty() {
                let now = Instant::now();
                let mut arrival = noted.0.lock().unwrap_or_else(PoisonError::into_inner);
                let first = arrival.map_or(now, |(first, _)| first);
                *arrival = Some((first, now));
            }
        });
        (stream, arrival)
    }

    /// Between the first and the last piece since it was last asked; zero if there was only one.
    pub(super) fn take_gap(&self) -> Duration {
        let arrival = self.0.lock().unwrap_or_else(PoisonError::into_inner).take();
        arrival.map_or(Duration::ZERO, |(first, last)| last - first)
    }
}
