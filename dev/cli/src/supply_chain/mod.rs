//! The component's supply chain: its bill of materials, and that every build gives the same bytes.

mod bill_of_materials;
mod reproduction;

pub use self::{
    bill_of_materials::bill_of_materials,
    reproduction::{Reproduction, reproduce},
};
