//! What `deploy/` puts on a cluster, without a cluster.
//!
//! - [`kustomize`]: the objects of an overlay, as `kubectl` renders them;
//! - [`image`]: what the `Dockerfile` says about the container;
//! - [`pod`]: what a container of the rendered objects runs.
//!
//! The tests check the objects. The end-to-end tests start Spin with what [`pod`] returns.

pub mod image;
pub mod kustomize;
pub mod pod;
