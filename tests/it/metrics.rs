//! The dashboard and the alert rules name only metrics and labels that the programs have.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use crate::documents::first_column;
use crate::repository::{read, rust_sources};

/// PromQL's own words in our expressions.
const PROMQL: [&str; 8] = ["sum", "max", "by", "rate", "histogram_quantile", "le", "time", "abs"];

/// Every metric in the code with its labels; a histogram by the names of its series.
fn metrics_in_code() -> BTreeMap<String, BTreeSet<String>> {
    let mut found = BTreeMap::new();
    for (_, text) in ["common/src", "gateway/src", "worker/src"].into_iter().flat_map(rust_sources) {
        for kind in ["counter", "gauge", "histogram"] {
            for call in text.split(&format!("metrics::{kind}!(")).skip(1) {
                let arguments = up_to_closing(call);
                let mut quoted = arguments.split('"').skip(1).step_by(2);
                let name = quoted.next().expect("a metric has a name").to_owned();
                let mut labels: BTreeSet<String> =
                    arguments.split(" =>").filter_map(|before| before.rsplit('"').nth(1)).map(str::to_owned).collect();
                labels.remove(&name);
                for suffix in if kind == "histogram" { &["_bucket", "_sum", "_count"][..] } else { &[""] } {
                    found.insert(format!("{name}{suffix}"), labels.clone());
                }
            }
        }
    }
    assert!(found.contains_key("slack_calls_total") && found.contains_key("job_seconds_bucket"), "{found:?}");
    found
}

/// What stands before the parenthesis that closes the call.
fn up_to_closing(call: &str) -> &str {
    let mut open = 1;
    let end = call.find(|c| {
        open += match c {
            '(' => 1,
            ')' => -1,
            _ => 0,
        };
        open == 0
    });
    &call[..end.unwrap_or(call.len())]
}

fn words(text: &str) -> impl Iterator<Item = &str> {
    text.split(|c: char| !c.is_ascii_alphanumeric() && c != '_')
        .filter(|word| word.starts_with(|c: char| c.is_ascii_lowercase()))
}

/// The words of an expression that are neither PromQL's nor a metric nor a label of one of its metrics.
fn unknown_words(expression: &str) -> Vec<String> {
    let known = metrics_in_code();
    // Durations, the dashboard's own variables and the values of labels are no names.
    let mut names = String::new();
    for (i, part) in expression.split('"').enumerate() {
        if i % 2 == 0 {
            names.push_str(part);
        }
    }
    let names: String = names.split('[').map(|part| part.split_once(']').map_or(part, |(_, rest)| rest)).collect();
    let metrics: Vec<&str> = words(&names).filter(|word| known.contains_key(*word)).collect();
    assert!(!metrics.is_empty(), "no metric of ours in {expression}");
    let is_label = |word: &str| metrics.iter().any(|metric| known[*metric].contains(word));
    words(&names)
        .filter(|word| !PROMQL.contains(word) && !metrics.contains(word) && !is_label(word))
        .map(str::to_owned)
        .collect()
}

fn assert_known(expression: &str) {
    assert_eq!(unknown_words(expression), Vec::<String>::new(), "{expression}");
}

#[test]
fn the_dashboard_names_only_metrics_that_exist() {
    let dashboard: Value = serde_json::from_str(&read("deploy/grafana-dashboard.json")).expect("JSON");
    let targets: Vec<&Value> =
        dashboard["panels"].as_array().unwrap().iter().flat_map(|panel| panel["targets"].as_array().unwrap()).collect();
    for target in &targets {
        assert_known(target["expr"].as_str().expect("an expression"));
    }
    // And leaves none out that tells of trouble.
    let all: String = targets.iter().filter_map(|target| target["expr"].as_str()).collect();
    for (metric, _) in metrics_in_code() {
        let base = metric.trim_end_matches("_bucket").trim_end_matches("_sum").trim_end_matches("_count");
        assert!(all.contains(base), "{metric} is on no panel");
    }
}

#[test]
fn the_readme_explains_every_metric() {
    let explained = first_column(&read("README.md"), "\n**Metrics**");
    let in_code: BTreeSet<String> = metrics_in_code()
        .into_keys()
        .map(|name| ["_bucket", "_sum", "_count"].iter().fold(name, |name, end| name.trim_end_matches(end).to_owned()))
        .collect();
    assert_eq!(explained, in_code);
}

#[test]
fn the_alert_rules_name_only_metrics_that_exist() {
    let rules: Value = serde_yaml_ng::from_str(&read("deploy/prometheus-alerts.yaml")).expect("YAML");
    let rules = rules["groups"][0]["rules"].as_array().expect("rules");
    assert!(rules.len() >= 6);
    for rule in rules {
        assert_known(rule["expr"].as_str().expect("an expression"));
        assert!(rule["alert"].is_string() && rule["annotations"]["summary"].is_string());
    }
}

#[test]
fn a_metric_or_label_that_does_not_exist_is_found_out() {
    assert_eq!(unknown_words("max by (lane) (queue_length) + max(dead_letters)"), ["lane", "queue_length"]);
}
