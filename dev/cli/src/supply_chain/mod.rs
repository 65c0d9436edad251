//! What the component is made of, and that anybody who builds it gets the same bytes.

mod bill_of_materials;
mod reproduction;

pub use self::{
    bill_of_materials::bill_of_materials,
    reproduction::{Reproduction, reproduce},
};
