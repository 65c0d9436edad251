//! The members of the log line are those of the table in `docs/operations.md`.

use std::collections::BTreeSet;

use serde_json::{Map, Value, json};

use crate::{
    caller_tokens::{token, token_with},
    scripted_host::{Reply, World},
};

/// The names in the first column of the table.
fn documented() -> Vec<String> {
    let page = include_str!("../../docs/operations.md");
    let section = page.split_once("## The log line").unwrap().1.split_once("The component [`entra`]").unwrap().0;
    let rows = section.lines().filter_map(|line| line.strip_prefix("| `"));
    let first_columns = rows.map(|row| format!("`{}", row.split('|').next().unwrap()));
    first_columns
        .flat_map(|column| column.split('`').skip(1).step_by(2).map(str::to_owned).collect::<Vec<_>>())
        .collect()
}

#[test]
fn every_member_is_documented_in_its_order() {
    let world = World::new();
    assert_eq!(world.get(&token()).status, 200);
    let refusal = json!({"error": "invalid_grant", "correlation_id": "of-entra", "trace_id": "of-entra"});
    world.next("token", [Reply::json(400, &refusal)]);
    world.get(&token_with(|plan| plan.claim("name", "Grace")));
    let refusal = json!({"error": {"code": "accessDenied"}});
    world.next("me", [Reply::json(403, &refusal).header("request-id", "of-graph")]);
    world.get(&token());

    let documented = documented();
    let mut seen = BTreeSet::new();
    for line in world.script.log.borrow().iter() {
        let members: Map<String, Value> = serde_json::from_str(line).unwrap();
        let mut names: Vec<&String> = members.keys().collect();
        // In the order in which they are written.
        names.sort_by_key(|name| line.find(&format!("\"{name}\":")));
        let in_order: Vec<&String> = documented.iter().filter(|name| members.contains_key(*name)).collect();
        assert_eq!(names, in_order, "{line}");
        seen.extend(members.into_iter().map(|(name, _)| name));
    }
    assert_eq!(seen, documented.into_iter().collect());
}
