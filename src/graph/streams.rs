//! How many responses an instance streams at the same time.
//!
//! A streamed response holds buffers and an upstream connection for as long as its reader takes, so the number of
//! stalled readers has to be limited, for one person and for an instance.

use std::{collections::HashMap, sync::Arc};

use entra_obo::toolkit::{Locked, Person};

/// Of one person: a page shows one photo, and a reload abandons another.
const MAX_OF_PERSON: usize = 4;

/// Of everyone: some 1.5 MiB each, in the 128 MiB that an instance has on an edge host.
const MAX_OF_INSTANCE: usize = 32;

/// The responses that an instance is streaming.
#[derive(Debug, Default)]
pub struct Streams(Locked<HashMap<Person, usize>>);

/// Permission to stream one response, until it is dropped.
#[derive(Debug)]
pub struct StreamPermit {
    streams: Arc<Streams>,
    person: Person,
}

/// Why a response is not streamed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TooManyStreams {
    /// This person has not read those that were begun.
    OfPerson,
    /// The instance streams as many as it can.
    OfInstance,
}

impl Streams {
    /// Permits one more response to `person`.
    ///
    /// # Errors
    /// See [`TooManyStreams`].
    pub fn permit(self: &Arc<Self>, person: Person) -> Result<StreamPermit, TooManyStreams> {
        let mut streams = self.0.lock();
        let of_instance: usize = streams.values().sum();
        if streams.get(&person).is_some_and(|own| *own >= MAX_OF_PERSON) {
            return Err(TooManyStreams::OfPerson);
        }
        if of_instance >= MAX_OF_INSTANCE {
            return Err(TooManyStreams::OfInstance);
        }
        let own = streams.entry(person).or_default();
        *own = own.saturating_add(1);
        Ok(StreamPermit { streams: Arc::clone(self), person })
    }
}

impl Drop for StreamPermit {
    fn drop(&mut self) {
        let mut streams = self.streams.0.lock();
        if let Some(own) = streams.get_mut(&self.person) {
            *own = own.saturating_sub(1);
            if *own == 0 {
                streams.remove(&self.person);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::{MAX_OF_INSTANCE, MAX_OF_PERSON, Streams, TooManyStreams};
    use entra_obo::toolkit::Person;

    #[test]
    fn streams_are_bounded_by_person_and_in_all_and_make_room_when_they_end() {
        let streams = Arc::new(Streams::default());
        let person = |number: u8| Person::Bearer([number; 32]);
        let mut own: Vec<_> = (0..MAX_OF_PERSON).map(|_| streams.permit(person(0)).unwrap()).collect();
        assert_eq!(streams.permit(person(0)).unwrap_err(), TooManyStreams::OfPerson);
        let others: Vec<_> = (1..=u8::MAX).map_while(|number| streams.permit(person(number)).ok()).collect();
        assert_eq!(own.len() + others.len(), MAX_OF_INSTANCE);
        assert_eq!(streams.permit(person(0)).unwrap_err(), TooManyStreams::OfPerson);
        assert_eq!(streams.permit(person(200)).unwrap_err(), TooManyStreams::OfInstance);
        own.pop();
        own.push(streams.permit(person(0)).unwrap());
        drop((own, others));
        assert!(streams.0.lock().is_empty());
    }
}
