//! The table of `docs/scale.md`.

use super::{
    region::Reuse,
    scenario::{Result, Scenario},
};

/// How often each person calls in the busy hour, unless another number is given.
pub const CALLS_PER_HOUR: f64 = 6.0;

/// What the page shows.
#[must_use]
pub fn documented() -> Vec<Scenario> {
    let scenario = |people, regions, slots, reuse| Scenario {
        people,
        calls_per_hour: CALLS_PER_HOUR,
        regions,
        replicas: None,
        slots,
        reuse,
    };
    let long = Reuse::LONG_LIVED;
    vec![
        scenario(100, 1, 65_536, long),
        scenario(100, 3, 65_536, long),
        scenario(10_000, 1, 0, long),
        scenario(10_000, 1, 65_536, Reuse::DEFAULT),
        scenario(10_000, 1, 65_536, long),
        scenario(10_000, 3, 65_536, long),
        scenario(1_000_000, 1, 65_536, long),
        scenario(1_000_000, 1, 4_194_304, long),
        scenario(1_000_000, 3, 4_194_304, long),
    ]
}

/// A Markdown table with a row for each.
#[must_use]
pub fn table(scenarios: &[Scenario]) -> String {
    let mut table = "\
| people | regions | slots | instances | req/s | replicas | from memory | store | exchange | exchanges/s | Graph's limit | vault's limit | store, MB | processors | month |
|--:|--:|--:|---|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|
"
    .to_owned();
    for scenario in scenarios {
        table.push_str(&row(scenario, &scenario.run()));
    }
    table
}

fn row(scenario: &Scenario, result: &Result) -> String {
    let counts = result.counts;
    let cells = [
        grouped(scenario.people),
        scenario.regions.to_string(),
        grouped(scenario.slots),
        if scenario.reuse == Reuse::DEFAULT { "default" } else { "long-lived" }.to_owned(),
        rounded(result.rate),
        result.replicas.to_string(),
        percent(counts.share(counts.from_memory)),
        percent(counts.share(counts.from_store)),
        percent(counts.share(counts.exchanges)),
        rounded(result.exchanges),
        percent(result.graph),
        percent(result.vault),
        rounded(result.stored / 1e6),
        rounded(result.processors),
        format!("${:.0}", result.cost.total()),
    ];
    format!("| {} |\n", cells.join(" | "))
}

fn percent(share: f64) -> String {
    format!("{} %", rounded(share * 100.0))
}

/// With two digits that count.
fn rounded(number: f64) -> String {
    match number {
        0.0 => "0".to_owned(),
        ..0.01 => "< 0.01".to_owned(),
        ..1.0 => format!("{number:.2}"),
        ..10.0 => format!("{number:.1}"),
        _ => format!("{number:.0}"),
    }
}

fn grouped(number: u32) -> String {
    let digits = number.to_string();
    let mut grouped = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped
}

#[cfg(test)]
mod tests {
    use std::{env, fs};

    use super::*;
    use crate::workspace;

    #[test]
    fn the_table_of_the_page_is_that_of_the_command() {
        let file = workspace::root().join("docs/scale.md");
        let page = fs::read_to_string(&file).unwrap();
        let (before, rest) = page.split_once("<!-- simulation: generated -->\n").unwrap();
        let (now, after) = rest.split_once("<!-- /simulation -->").unwrap();
        let table = format!("\n{}\n", table(&documented()));
        if env::var_os("UPDATE_DOCUMENTS").is_some() {
            fs::write(&file, format!("{before}<!-- simulation: generated -->\n{table}<!-- /simulation -->{after}"))
                .unwrap();
        } else {
            assert_eq!(now, table, "UPDATE_DOCUMENTS=1 cargo test -p cargo-dev the_table_of_the_page rewrites it");
        }
    }

    #[test]
    fn numbers_are_short() {
        assert_eq!([0.0, 0.001, 0.123, 1.26, 123.4].map(rounded), ["0", "< 0.01", "0.12", "1.3", "123"]);
        assert_eq!([7, 1_000, 1_000_000].map(grouped), ["7", "1,000", "1,000,000"]);
    }
}
