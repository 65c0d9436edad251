//! Recordings of real services' responses, and the comparison of other responses with them.
//!
//! [`SCENARIOS`] lists the requests. Two drivers send them: `cargo dev record` to a real tenant, whose answers it writes
//! to files in `recordings/`, and a test to the emulated one, whose answers must be those of the files. A
//! [`Normaliser`] replaces values that depend on tenant and time by their kinds, and [`leak()`]
//! finds what must not be published. `README.md` describes both for readers.

mod compare;
mod emulated;
mod file;
mod http;
mod json_web_token;
mod leak;
mod normalise;
mod requests;
mod scenario;
mod scenarios;
mod target;
mod text;

pub use compare::Difference;
pub use file::Recording;
pub use http::{ScenarioRequest, ScenarioResponse};
pub use leak::leak;
pub use normalise::{NormalResponse, Normaliser};
pub use scenario::{Before, Grade, Outcome, Scenario};
pub use scenarios::SCENARIOS;
pub use target::{Role, TargetApi, TargetTenant, TargetVault};
