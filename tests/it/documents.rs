//! What the documents say against what is there.

use std::collections::BTreeSet;

use worker::manifest;

use crate::repository::{read, root, rust_sources, variables};

/// The cells in backticks of a table's first column, below the heading.
pub(crate) fn first_column(text: &str, heading: &str) -> BTreeSet<String> {
    let section = text.split(heading).nth(1).unwrap_or_else(|| panic!("{heading} is gone"));
    let table = section.lines().skip_while(|line| !line.starts_with('|')).take_while(|line| line.starts_with('|'));
    let first_cells = table.filter_map(|line| line.split('|').nth(1));
    first_cells.flat_map(|cell| cell.split('`').skip(1).step_by(2)).map(str::to_owned).collect()
}

#[test]
fn every_variable_is_documented_and_no_other() {
    let read_by_code = variables();
    assert_eq!(first_column(&read("README.md"), "\n## Configuration\n"), read_by_code, "README.md");
    let example: BTreeSet<String> = read(".env.example")
        .lines()
        .filter_map(|line| line.trim_start_matches('#').split_once('='))
        .map(|(name, _)| name.to_owned())
        .filter(|name| name.chars().all(|c| c.is_ascii_uppercase() || c == '_'))
        .collect();
    assert_eq!(example, read_by_code, ".env.example");
}

#[test]
fn every_command_and_every_scope_is_explained() {
    let readme = read("README.md");
    let commands = first_column(&readme, "\n## Commands and buttons\n");
    for command in &commands {
        assert!(manifest::MANIFEST.contains(&format!("command: {command}\n")), "{command}");
    }
    assert_eq!(commands.len(), manifest::MANIFEST.matches("- command: ").count());
    let scopes: BTreeSet<String> = manifest::scopes().into_iter().map(str::to_owned).collect();
    assert_eq!(first_column(&readme, "\n### What the app may do in your workspace\n"), scopes);
}

#[test]
fn every_guarantee_names_a_test_that_exists() {
    let readme = read("README.md");
    let section =
        readme.split("\n## Guarantees\n").nth(1).and_then(|rest| rest.split("\n## ").next()).expect("a section");
    let named: Vec<&str> = section
        .lines()
        .filter(|line| line.starts_with('|'))
        .filter_map(|line| line.split('|').nth(2))
        .flat_map(|cell| cell.split('`').skip(1).step_by(2))
        .collect();
    assert!(named.len() > 8, "{named:?}");
    let sources: String = ["tests/it", "common/src", "gateway/src", "worker/src"]
        .into_iter()
        .flat_map(rust_sources)
        .map(|(_, text)| text)
        .collect();
    for test in named {
        assert!(sources.contains(&format!("fn {test}(")), "no test is called {test}");
    }
}

#[test]
fn every_link_leads_to_a_file_or_a_heading() {
    for document in ["README.md", "ARCHITECTURE.md", "CONTRIBUTING.md", "migrations/README.md"] {
        let text = read(document);
        let headings: BTreeSet<String> = text
            .lines()
            .filter(|line| line.starts_with('#'))
            .map(|line| line.trim_start_matches('#').trim().to_lowercase().replace(' ', "-").replace('\'', ""))
            .collect();
        for link in text.split("](").skip(1).filter_map(|rest| rest.split(')').next()) {
            if let Some(heading) = link.strip_prefix('#') {
                assert!(headings.contains(heading), "{document}: {link}");
            } else if !link.starts_with("https://") {
                let folder = root().join(document).parent().expect("a folder").to_owned();
                assert!(folder.join(link).exists(), "{document}: {link}");
            }
        }
    }
}

#[test]
fn the_picture_of_the_sandbox_is_a_small_png() {
    let picture = std::fs::read(root().join("docs/sandbox.png")).expect("a picture");
    assert!(picture.starts_with(b"\x89PNG\r\n") && picture.len() < 200 * 1024, "{} bytes", picture.len());
    assert!(read("README.md").contains("](docs/sandbox.png)"));
}

#[test]
fn every_file_that_the_recipes_name_exists() {
    let text = read("CONTRIBUTING.md");
    for path in text.split('`').skip(1).step_by(2) {
        let is_path = path.contains('/') && !path.contains(['<', ' ', '*']);
        assert!(!is_path || root().join(path).exists(), "{path}");
    }
}
