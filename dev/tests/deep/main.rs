//! A sample of the deep check: a little of each kind, and the whole corpus, since it takes seconds.
//!
//! A single test in a program of its own, so that nothing else runs at the same time: responses have deadlines.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

use cargo_dev::progress::Progress;
use profile_get_dev::{
    deep::{self, DeepPlan, Scale},
    run::Runner,
};

#[tokio::test(flavor = "multi_thread")]
async fn attacks_faults_soak_and_search_find_nothing_wrong() {
    let plan = DeepPlan::of(Runner::from_environment().unwrap(), Scale::Sample, Progress::default());
    let findings = deep::run(plan).await.unwrap();
    println!("{}{}", findings.figures, findings.skipped.join("\n"));
    assert!(findings.problems.is_empty(), "{:#?}", findings.problems);
}
