//! Who is in the directories, and how that changes while the emulator runs.

use std::{collections::HashMap, sync::Arc};

use parking_lot::RwLock;

use super::person::Person;

/// All people.
#[derive(Default)]
pub(crate) struct Roster(RwLock<State>);

#[derive(Default)]
struct State {
    /// Those that sign-in pages list, by name.
    listed: Vec<String>,
    by_object_id: HashMap<String, Arc<Person>>,
    object_ids: HashMap<String, String>,
}

impl Roster {
    /// Adds people whom sign-in pages list, each under a name of their own.
    pub(crate) fn add(&self, people: impl IntoIterator<Item = Person>) {
        let mut state = self.0.write();
        for person in people {
            state.listed.retain(|name| *name != person.name);
            state.listed.push(person.name.clone());
            state.insert(person);
        }
    }

    /// Adds people whom no page lists. Their names need not differ.
    pub(crate) fn add_unlisted(&self, people: impl IntoIterator<Item = Person>) {
        let mut state = self.0.write();
        people.into_iter().for_each(|person| state.insert(person));
    }

    /// Those that sign-in pages list, in order.
    pub(crate) fn listed(&self) -> Vec<Arc<Person>> {
        let state = self.0.read();
        state.listed.iter().filter_map(|name| state.by_name(name)).collect()
    }

    pub(crate) fn by_name(&self, name: &str) -> Option<Arc<Person>> {
        self.0.read().by_name(name)
    }

    pub(crate) fn by_object_id(&self, object_id: &str) -> Option<Arc<Person>> {
        self.0.read().by_object_id.get(object_id).cloned()
    }
}

impl State {
    fn insert(&mut self, person: Person) {
        self.object_ids.insert(person.name.clone(), person.object_id.clone());
        self.by_object_id.insert(person.object_id.clone(), Arc::new(person));
    }

    fn by_name(&self, name: &str) -> Option<Arc<Person>> {
        self.by_object_id.get(self.object_ids.get(name)?).cloned()
    }
}
