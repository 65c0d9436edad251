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
        .args(["bench", "--quick", "--users", "3", "--connections", "2", "--seconds", "0.2"])
        .args(["--processes", "2", "--bursts", "2", "--people", "5", "--plot"])
        .arg(&plot)
        .arg("--json")
        .arg(&figures)
        .output()
        .await
        .unwrap();
    let (tables, printed) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{printed}");

    let figures: Value = serde_json::from_slice(&fs::read(figures).unwrap()).unwrap();
    let skipped = figures["skipped"].as_array().unwrap();
    let is_skipped = |what| skipped.iter().any(|skipped| skipped.as_str().unwrap().contains(what));
    let servers = 19 - if is_skipped("Node") { 3 } else { 0 } - usize::from(is_skipped("Redis"));
    let rows = figures["measurements"].as_array().unwrap();
    assert_eq!(rows.len(), servers, "{tables}\n{printed}");
    for row in rows {
        for name in ["requests", "requests_per_second", "p50_ms", "p99_ms", "cpu_us_per_request", "peak_memory_mb"] {
            assert!(row[name].as_f64().unwrap() > 0.0, "{name}: {row}");
        }
        let calls = row["upstream_calls"]["GraphMe"].as_f64();
        let subject = row["subject"].to_string();
        if ["front", "gateway", "sidecar"].iter().any(|of_guard| subject.contains(of_guard)) {
            assert_eq!(calls, None, "{row}");
        } else {
            // Each request causes one call to Graph, except for requests at the beginning or end of a phase.
            assert!(calls.is_some_and(|calls| (0.9..1.1).contains(&calls)), "{row}");
        }
        let by_wrk = &row["by_wrk"];
        let of_wrk = ["pass_through", "profile_get", "gateway", "sidecar"];
        let has_wrk = !is_skipped("wrk") && of_wrk.iter().any(|name| !row["subject"][name].is_null());
        assert_eq!(
            by_wrk["p50_ms"].as_f64().is_some_and(|p50| by_wrk["p99_ms"].as_f64() >= Some(p50)),
            has_wrk,
            "{row}"
        );
    }
    assert!(figures["rs256"]["profile_get_us"].as_f64() < figures["rs256"]["jwt_simple_us"].as_f64(), "{figures}");

    assert_eq!(figures["first_responses"]["processes"], 2, "{figures}");
    let bursts = figures["bursts"].as_array().unwrap();
    assert_eq!(bursts.len(), if is_skipped("Redis") { 2 } else { 4 }, "{figures}");
    for row in bursts {
        let hosts = if row["subject"].to_string().contains("redis") { 2 } else { 1 };
        assert_eq!((&row["hosts"], &row["bursts"]), (&hosts.into(), &2.into()), "{row}");
        assert!((1..=16).contains(&row["most_exchanges"].as_u64().unwrap()), "{row}");
    }
    let new_people = figures["new_people"].as_array().unwrap();
    assert_eq!(new_people.len(), if is_skipped("Redis") { 6 } else { 8 }, "{figures}");
    for row in new_people {
        assert_eq!(row["people"], 5, "{row}");
        assert!(row["p99_ms"].as_f64() > Some(0.0), "{row}");
    }
    assert_eq!(figures["memory"]["people"], 5, "{figures}");
    let uploads = figures["uploads"].as_array().unwrap();
    assert!(uploads.len() == 2 && uploads.iter().all(|row| row["uploads"].as_u64() >= Some(16)), "{figures}");
    assert!(figures["component_bytes"].as_u64().unwrap() > 100_000, "{figures}");

    for cell in ["| goal ", "| profile-get, long-lived instances, SQLite ", "| gateway, ", "| native server, by hand "]
    {
        assert!(tables.contains(cell), "{tables}");
    }
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
