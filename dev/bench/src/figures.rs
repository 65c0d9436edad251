//! Everything that a run found.

use serde::Serialize;

use super::{
    bursts::Bursts, first_responses::FirstResponses, measurement::Measurement, memory::Memory, new_people::NewPeople,
    rs256::Rs256, uploads::Uploads,
};

/// All figures. What was not measured is empty.
#[derive(Clone, Debug, Default, Serialize)]
pub(super) struct Figures {
    pub(super) component_bytes: Option<u64>,
    pub(super) rs256: Option<Rs256>,
    pub(super) first_responses: Option<FirstResponses>,
    pub(super) bursts: Vec<Bursts>,
    pub(super) new_people: Vec<NewPeople>,
    pub(super) memory: Option<Memory>,
    pub(super) uploads: Vec<Uploads>,
    pub(super) measurements: Vec<Measurement>,
    /// What could not be measured, and why.
    pub(super) skipped: Vec<String>,
}
