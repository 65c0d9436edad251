//! A tiny run of `cargo dev bench`, with an unoptimised build.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test fails by panicking")]

use std::fs;

use serde_json::Value;
use tokio::process::Command;

#[tokio::test]
async fn a_tiny_run_measures_every_server() {
    let folder = tempfile::tempdir().unwrap();
    let (plot, figures) = (folder.path().join("plots/cost.svg"), folder.path().join("figures.json"));
    let output = Command::new(env!("CARGO_BIN_EXE_bench"))
        .args(["bench", "--users", "1,3", "--connections", "2", "--seconds", "0.2", "--plot"])
        .arg(&plot)
        .arg("--json")
        .arg(&figures)
        .output()
        .await
        .unwrap();
    let (tables, printed) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{printed}");

    let figures: Value = serde_json::from_slice(&fs::read(figures).unwrap()).unwrap();
    let skipped = figures["skipped"].as_array().unwrap().len();
    let rows = figures["measurements"].as_array().unwrap();
    // Nine servers, two numbers of users.
    assert_eq!(rows.len(), (9 - skipped) * 2, "{tables}\n{printed}");
    for row in rows {
        for name in ["requests", "requests_per_second", "p50_ms", "p99_ms", "cpu_us_per_request", "peak_memory_mb"] {
            assert!(row[name].as_f64().unwrap() > 0.0, "{name}: {row}");
        }
        // Each request causes one call to Graph, except for requests at the beginning or end of a phase.
        let calls = row["upstream_calls"]["GraphMe"].as_f64().unwrap();
        assert!((0.9..1.1).contains(&calls), "{row}");
    }
    assert!(figures["rs256"]["profile_get_us"].as_f64() < figures["rs256"]["jwt_simple_us"].as_f64(), "{figures}");

    assert!(tables.contains("| goal ") && tables.contains("| profile-get, long-lived instances, SQLite "), "{tables}");
    let plot = fs::read_to_string(plot).unwrap();
    assert!(
        plot.starts_with("<svg") && plot.contains("microseconds of CPU") && plot.contains("prefers-color-scheme"),
        "{plot}"
    );
}

#[tokio::test]
async fn bad_arguments_are_refused_before_anything_is_built() {
    for (arguments, reason) in [
        (["--users", "0"], "is not a number from 1 up"),
        (["--seconds", "0"], "--seconds must be from 0.1 to 3600"),
        (["--only", "Ruby"], "nothing that is measured contains any of Ruby"),
    ] {
        let mut command = Command::new(env!("CARGO_BIN_EXE_bench"));
        let output = command.args(["bench"]).args(arguments).output().await.unwrap();
        let printed = String::from_utf8_lossy(&output.stderr);
        assert!(!output.status.success() && printed.contains(reason), "{arguments:?}: {printed}");
    }
}
